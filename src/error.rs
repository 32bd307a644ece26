//! What went wrong, as plain data: no napi here, and no prose.

use std::ffi::{CStr, CString};

use nix::errno::Errno;

/// A failed system call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The call's name, as its man page spells it.
    pub syscall: &'static str,
    pub errno: Errno,
    /// The path that the call was about, where there is one.
    pub path: Option<CString>,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn last(syscall: &'static str) -> Self {
        Self { syscall, errno: Errno::last(), path: None }
    }

    /// Of the standard library's.
    pub fn of_io(syscall: &'static str, error: &std::io::Error, path: &CStr) -> Self {
        let errno = Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
        Self { syscall, errno, path: Some(path.to_owned()) }
    }
}

/// Names the system call of an errno: `nix_call().during("setsid")`.
pub trait During<T> {
    fn during(self, syscall: &'static str) -> Result<T>;
    fn during_path(self, syscall: &'static str, path: &CString) -> Result<T>;
}

impl<T> During<T> for nix::Result<T> {
    fn during(self, syscall: &'static str) -> Result<T> {
        self.map_err(|errno| Error { syscall, errno, path: None })
    }

    fn during_path(self, syscall: &'static str, path: &CString) -> Result<T> {
        self.map_err(|errno| Error { syscall, errno, path: Some(path.clone()) })
    }
}
