//! libuv's functions, found in the running program. Node exports them, and so it is told that it is Node
//! ([`enable`]): Bun exports functions of these names too, which end the process when they are called.

use std::ffi::{CStr, c_char, c_int};
use std::sync::atomic::{AtomicBool, Ordering};

static IS_NODE: AtomicBool = AtomicBool::new(false);

type ToText = unsafe extern "C" fn(error: c_int, buffer: *mut c_char, length: usize) -> *mut c_char;

/// Says that this program is Node, for good.
pub fn enable() {
    IS_NODE.store(true, Ordering::Relaxed);
}

/// libuv's name of an errno ("EPERM"), where there is a libuv and it knows the errno.
pub fn error_name(errno: i32) -> Option<String> {
    text(c"uv_err_name_r", errno)
}

/// libuv's words for an errno ("operation not permitted"), likewise.
pub fn error_message(errno: i32) -> Option<String> {
    text(c"uv_strerror_r", errno)
}

fn text(function: &CStr, errno: i32) -> Option<String> {
    if !IS_NODE.load(Ordering::Relaxed) {
        return None;
    }
    // SAFETY: looks a C string up among the symbols that are loaded.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, function.as_ptr()) };
    if found.is_null() {
        return None;
    }
    // SAFETY: both functions have had this signature since libuv 1.22, of 2018.
    let function: ToText = unsafe { std::mem::transmute(found) };
    let mut buffer = [0 as c_char; 128];
    // SAFETY: libuv writes at most `buffer.len()` bytes, the last of them NUL.
    unsafe { function(-errno, buffer.as_mut_ptr(), buffer.len()) };
    // SAFETY: as above.
    let text = unsafe { CStr::from_ptr(buffer.as_ptr()) }.to_string_lossy();
    (!text.starts_with("Unknown system error")).then(|| text.into_owned())
}
