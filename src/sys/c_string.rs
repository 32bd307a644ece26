use std::ffi::CString;

use nix::errno::Errno;

use crate::error::{Error, Result};

/// Returns a C string for a system call. Fails with EINVAL if `text` holds a NUL byte, which JavaScript has already
/// refused.
pub fn c_string(text: &(impl AsRef<[u8]> + ?Sized)) -> Result<CString> {
    CString::new(text.as_ref()).map_err(|_| Error { syscall: "execve", errno: Errno::EINVAL, path: None })
}
