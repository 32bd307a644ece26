use std::ffi::CString;

use nix::errno::Errno;

use crate::error::{Error, Result};

/// Returns a string for a system call. A NUL byte is EINVAL; JavaScript has refused it with an error of its own.
pub fn c_string(text: &(impl AsRef<[u8]> + ?Sized)) -> Result<CString> {
    CString::new(text.as_ref()).map_err(|_| Error { syscall: "execve", errno: Errno::EINVAL, path: None })
}
