//! The set watched by libuv's own loop, on Node: no thread, and no descriptor but the set's.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;

use super::Waker;
use crate::error::{Error, Result};
use crate::sys::uv::{self, Handle, Loop, PollFunctions};

/// A poll handle on the set.
pub struct Poll {
    uv: &'static PollFunctions,
    handle: Handle,
}

/// What the handle's data points to, from its start until libuv has closed it.
struct Data {
    /// The handle itself, aligned as malloc(3) does it.
    _memory: Box<[u128]>,
    wake: Box<dyn Fn()>,
    done: Option<Box<dyn FnOnce()>>,
}

impl Poll {
    /// Does not keep the loop alive. `wake` is called on the loop's thread, with nothing of JavaScript's on the stack.
    ///
    /// # Safety
    /// `uv_loop` is the calling thread's, and is run until this has been closed.
    pub unsafe fn start(
        uv: &'static PollFunctions,
        uv_loop: Loop,
        set: BorrowedFd<'_>,
        wake: Box<dyn Fn()>,
    ) -> Result<Self> {
        let failed = |syscall, status: c_int| Error { syscall, errno: Errno::from_raw(-status), path: None };
        // SAFETY: the handle has memory of the size that libuv asks for, in a box that does not move it; from a
        // successful init on it is freed only when libuv has closed it.
        unsafe {
            let mut memory =
                vec![0_u128; (uv.handle_size)(uv::POLL).div_ceil(size_of::<u128>())].into_boxed_slice();
            let handle: Handle = memory.as_mut_ptr().cast();
            let status = (uv.init)(uv_loop, handle, set.as_raw_fd());
            if status < 0 {
                return Err(failed("uv_poll_init", status));
            }
            let data = Box::new(Data { _memory: memory, wake, done: None });
            (uv.set_data)(handle, Box::into_raw(data).cast());
            let poll = Self { uv, handle };
            let status = (uv.start)(handle, uv::READABLE, on_readable);
            if status < 0 {
                Box::new(poll).close(Box::new(|| {}));
                return Err(failed("uv_poll_start", status));
            }
            (uv.unreference)(handle);
            Ok(poll)
        }
    }
}

impl Waker for Poll {
    fn keep_alive(&mut self, yes: bool) {
        let change = if yes { self.uv.reference } else { self.uv.unreference };
        // SAFETY: the handle is not closed: `close` takes `self`.
        unsafe { change(self.handle) }
    }

    fn close(self: Box<Self>, done: Box<dyn FnOnce()>) {
        // SAFETY: the data is there until `on_closed`, which libuv calls later, and once.
        unsafe {
            (*(self.uv.get_data)(self.handle).cast::<Data>()).done = Some(done);
            (self.uv.close)(self.handle, on_closed);
        }
    }
}

/// # Safety
/// Called by libuv on a handle of ours that is not closed.
unsafe extern "C" fn on_readable(handle: Handle, _status: c_int, _events: c_int) {
    let Some(uv) = uv::poll_functions() else { return };
    // SAFETY: the data outlives the call, even if that closes the handle.
    unsafe { ((*(uv.get_data)(handle).cast::<Data>()).wake)() }
}

/// # Safety
/// Called by libuv on a handle of ours, as the last thing that it does with it.
unsafe extern "C" fn on_closed(handle: Handle) {
    let Some(uv) = uv::poll_functions() else { return };
    // SAFETY: nobody else has the data any more, nor the handle, which goes with it.
    let Data { wake, done, .. } = *unsafe { Box::from_raw((uv.get_data)(handle).cast::<Data>()) };
    drop(wake);
    if let Some(done) = done {
        done();
    }
}
