//! Errors as plain data, without napi and without messages.

use std::ffi::{CStr, CString};

use nix::errno::Errno;

/// A failed system call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The name of the system call, as in its man page.
    pub syscall: &'static str,
    pub errno: Errno,
    /// The path that the system call used, if it used one.
    pub path: Option<CString>,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Makes an error of errno.
    pub fn last(syscall: &'static str) -> Self {
        Self { syscall, errno: Errno::last(), path: None }
    }

    /// Converts an error of the standard library.
    pub fn of_io(syscall: &'static str, error: &std::io::Error, path: &CStr) -> Self {
        let errno = Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
        Self { syscall, errno, path: Some(path.to_owned()) }
    }
}

/// Adds the name of the system call to an errno: `nix_call().during("setsid")`.
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
