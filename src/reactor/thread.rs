//! Watches the set of a reactor in a thread of its own, for a runtime whose event loop can't watch it.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::sys::epoll::Epoll;
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::Waker;
use crate::error::{During, Error, Result};
use crate::sys::poll;

/// A thread that reports ready events. After each report, it waits until the turn is over.
pub struct Thread {
    shared: Arc<Shared>,
    keep_alive: Box<dyn FnMut(bool)>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    /// Written after each turn, and when the thread must end.
    go_on: EventFd,
    /// True if the thread must end.
    is_closed: AtomicBool,
}

impl Thread {
    /// Starts the thread. It calls `wake` when an event is ready.
    pub fn start(
        set: Arc<Epoll>,
        wake: impl Fn() + Send + 'static,
        keep_alive: Box<dyn FnMut(bool)>,
    ) -> Result<Self> {
        let go_on = EventFd::from_flags(EfdFlags::EFD_CLOEXEC).during("eventfd")?;
        let shared = Arc::new(Shared { go_on, is_closed: AtomicBool::new(false) });
        let thread = spawn({
            let shared = Arc::clone(&shared);
            move || shared.watch(&set, wake)
        })?;
        Ok(Self { shared, keep_alive, thread: Some(thread) })
    }
}

/// Starts a thread with procnative's name.
pub fn spawn(work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new().name("procnative".into()).spawn(work).map_err(|error| {
        let errno = Errno::from_raw(error.raw_os_error().unwrap_or(libc::EAGAIN));
        Error { syscall: "pthread_create", errno, path: None }
    })
}

impl Shared {
    fn watch(&self, set: &Epoll, wake: impl Fn()) {
        // poll(2) does not fail, because the descriptors stay open. Check `is_closed` also before the wait: one read
        // can take the writes of a turn and of `close`.
        while !self.is_closed.load(Ordering::Acquire)
            && poll::wait(&[set.0.as_fd(), self.go_on.as_fd()], None).is_ok()
        {
            if self.is_closed.load(Ordering::Acquire) {
                return;
            }
            wake();
            // Wait for the end of the turn, or for `close`.
            while self.go_on.read() == Err(Errno::EINTR) {}
        }
    }

    fn notify(&self) {
        // Can't fail: the counter of an eventfd(2) overflows only after almost 2^64 writes.
        let _ = self.go_on.write(1);
    }
}

impl Waker for Thread {
    fn keep_alive(&mut self, yes: bool) {
        (self.keep_alive)(yes);
    }

    fn turned(&self) {
        self.shared.notify();
    }

    fn close(mut self: Box<Self>, done: Box<dyn FnOnce()>) {
        self.shared.is_closed.store(true, Ordering::Release);
        self.shared.notify();
        if let Some(thread) = self.thread.take() {
            // If the thread panicked, it has printed that itself.
            let _ = thread.join();
        }
        done();
    }
}
