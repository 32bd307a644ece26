//! Watches the set of a reactor in libuv's event loop, on Node. Needs no thread and no further descriptor.
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

/// The data of the handle, from its start until libuv has closed it.
struct Data {
    /// The memory of the handle, aligned as malloc(3) does it.
    _memory: Box<[u128]>,
    wake: Box<dyn Fn()>,
    done: Option<Box<dyn FnOnce()>>,
}

impl Poll {
    /// Starts a poll handle, which does not keep the loop alive. libuv calls `wake` on the loop's thread, without
    /// JavaScript on the stack. See https://docs.libuv.org/en/v1.x/poll.html
    ///
    /// # Safety
    /// `uv_loop` must belong to the calling thread, and must run until the handle is closed.
    pub unsafe fn start(
        uv: &'static PollFunctions,
        uv_loop: Loop,
        set: BorrowedFd<'_>,
        wake: Box<dyn Fn()>,
    ) -> Result<Self> {
        let failed = |syscall, status: c_int| Error { syscall, errno: Errno::from_raw(-status), path: None };
        // SAFETY: the handle has memory of the size that libuv requires, in a box that keeps its address. After a
        // successful init, `on_closed` frees that memory, when libuv has closed the handle.
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
        // SAFETY: the handle is open, because `close` takes `self`.
        unsafe { change(self.handle) }
    }

    fn close(self: Box<Self>, done: Box<dyn FnOnce()>) {
        // SAFETY: the data lives until `on_closed`, which libuv calls once, after this function.
        unsafe {
            (*(self.uv.get_data)(self.handle).cast::<Data>()).done = Some(done);
            (self.uv.close)(self.handle, on_closed);
        }
    }
}

/// Reports ready events.
///
/// # Safety
/// libuv must call this, with an open handle of [`Poll`].
unsafe extern "C" fn on_readable(handle: Handle, _status: c_int, _events: c_int) {
    let Some(uv) = uv::poll_functions() else { return };
    // SAFETY: the data outlives this call, even if `wake` closes the handle.
    unsafe { ((*(uv.get_data)(handle).cast::<Data>()).wake)() }
}

/// Frees a closed handle.
///
/// # Safety
/// libuv must call this, as its last use of a handle of [`Poll`].
unsafe extern "C" fn on_closed(handle: Handle) {
    let Some(uv) = uv::poll_functions() else { return };
    // SAFETY: libuv no longer uses the handle, so no other code uses its data. The data owns the memory of the handle.
    let Data { wake, done, .. } = *unsafe { Box::from_raw((uv.get_data)(handle).cast::<Data>()) };
    drop(wake);
    if let Some(done) = done {
        done();
    }
}
