//! What the C library says of an errno.

use std::ffi::{CStr, c_char};

/// strerror_r(3): "Operation not permitted".
pub fn message(errno: i32) -> String {
    let mut buffer = [0 as c_char; 128];
    // SAFETY: writes at most `buffer.len()` bytes. What it answers for an unknown errno is text too.
    unsafe { libc::strerror_r(errno, buffer.as_mut_ptr(), buffer.len()) };
    // SAFETY: of that, the last byte is NUL.
    unsafe { CStr::from_ptr(buffer.as_ptr()) }.to_string_lossy().into_owned()
}
