//! Functions of libuv in the running program. Only Node's functions may be called, so JavaScript calls [`enable`] on
//! Node. Bun exports functions of the same names, which end the process.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

static IS_NODE: AtomicBool = AtomicBool::new(false);

type ToText = unsafe extern "C" fn(error: c_int, buffer: *mut c_char, length: usize) -> *mut c_char;

/// Enables the functions of this module, because this program is Node.
pub fn enable() {
    IS_NODE.store(true, Ordering::Relaxed);
}

/// Returns libuv's name of an errno, such as "EPERM". None without libuv, or for an unknown errno.
pub fn error_name(errno: i32) -> Option<String> {
    text(c"uv_err_name_r", errno)
}

/// Returns libuv's message for an errno, such as "operation not permitted". None without libuv, or for an unknown
/// errno.
pub fn error_message(errno: i32) -> Option<String> {
    text(c"uv_strerror_r", errno)
}

/// An event loop: uv_loop_t.
pub type Loop = *mut c_void;
/// A handle of any kind: uv_handle_t.
pub type Handle = *mut c_void;

/// UV_POLL of uv_handle_type. The number is the same since libuv 1.0.
pub const POLL: c_int = 8;
/// UV_READABLE of uv_poll_event.
pub const READABLE: c_int = 1;

pub type OnPoll = unsafe extern "C" fn(handle: Handle, status: c_int, events: c_int);
pub type OnClose = unsafe extern "C" fn(handle: Handle);

/// The functions that watch a descriptor, with the signatures of libuv 1.x: https://docs.libuv.org/en/v1.x/poll.html
#[derive(Debug)]
pub struct PollFunctions {
    pub handle_size: unsafe extern "C" fn(kind: c_int) -> usize,
    pub set_data: unsafe extern "C" fn(Handle, data: *mut c_void),
    pub get_data: unsafe extern "C" fn(Handle) -> *mut c_void,
    pub init: unsafe extern "C" fn(Loop, Handle, fd: c_int) -> c_int,
    pub start: unsafe extern "C" fn(Handle, events: c_int, OnPoll) -> c_int,
    pub close: unsafe extern "C" fn(Handle, OnClose),
    pub reference: unsafe extern "C" fn(Handle),
    pub unreference: unsafe extern "C" fn(Handle),
}

/// Returns the functions that watch a descriptor. None without libuv.
pub fn poll_functions() -> Option<&'static PollFunctions> {
    static FOUND: OnceLock<Option<PollFunctions>> = OnceLock::new();
    FOUND
        .get_or_init(|| {
            // SAFETY: each field is a function pointer with the signature that libuv 1.x gives to the named function.
            unsafe {
                Some(PollFunctions {
                    handle_size: function(c"uv_handle_size")?,
                    set_data: function(c"uv_handle_set_data")?,
                    get_data: function(c"uv_handle_get_data")?,
                    init: function(c"uv_poll_init")?,
                    start: function(c"uv_poll_start")?,
                    close: function(c"uv_close")?,
                    reference: function(c"uv_ref")?,
                    unreference: function(c"uv_unref")?,
                })
            }
        })
        .as_ref()
}

/// Looks up a function of libuv.
///
/// # Safety
/// `F` must be the function pointer type of the function `name`.
unsafe fn function<F>(name: &CStr) -> Option<F> {
    // SAFETY: the caller promises that `F` is the right type. All pointers have the same size.
    symbol(name).map(|found| unsafe { std::mem::transmute_copy(&found) })
}

fn symbol(name: &CStr) -> Option<*mut c_void> {
    if !IS_NODE.load(Ordering::Relaxed) {
        return None;
    }
    // SAFETY: `name` is a C string.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

fn text(name: &CStr, errno: i32) -> Option<String> {
    // SAFETY: both functions have this signature since libuv 1.22 (2018).
    let function: ToText = unsafe { self::function(name) }?;
    let mut buffer = [0 as c_char; 128];
    // SAFETY: libuv writes at most `buffer.len()` bytes. The last one is NUL.
    unsafe { function(-errno, buffer.as_mut_ptr(), buffer.len()) };
    // SAFETY: libuv has written a C string into the buffer.
    let text = unsafe { CStr::from_ptr(buffer.as_ptr()) }.to_string_lossy();
    (!text.starts_with("Unknown system error")).then(|| text.into_owned())
}
