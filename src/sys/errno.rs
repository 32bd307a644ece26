//! Messages of the C library for errnos.

use std::ffi::{CStr, c_char};

/// Returns the message of strerror_r(3), such as "Operation not permitted".
pub fn message(errno: i32) -> String {
    let mut buffer = [0 as c_char; 128];
    // SAFETY: the C library writes at most `buffer.len()` bytes. It also writes a text for an unknown errno.
    unsafe { libc::strerror_r(errno, buffer.as_mut_ptr(), buffer.len()) };
    // SAFETY: the last byte that the C library has written is NUL.
    unsafe { CStr::from_ptr(buffer.as_ptr()) }.to_string_lossy().into_owned()
}
