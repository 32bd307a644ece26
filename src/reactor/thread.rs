//! The set watched by one thread, where the runtime's own loop can't.

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

/// Says that there is something in the set, and goes on when the turn for that is over.
pub struct Thread {
    shared: Arc<Shared>,
    keep_alive: Box<dyn FnMut(bool)>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    /// Written when a turn is over, and when the thread is to end.
    go_on: EventFd,
    ended: AtomicBool,
}

impl Thread {
    pub fn start(
        set: Arc<Epoll>,
        wake: impl Fn() + Send + 'static,
        keep_alive: Box<dyn FnMut(bool)>,
    ) -> Result<Self> {
        let go_on = EventFd::from_flags(EfdFlags::EFD_CLOEXEC).during("eventfd")?;
        let shared = Arc::new(Shared { go_on, ended: AtomicBool::new(false) });
        let thread = spawn({
            let shared = Arc::clone(&shared);
            move || shared.watch(&set, wake)
        })?;
        Ok(Self { shared, keep_alive, thread: Some(thread) })
    }
}

/// A thread of procnative's.
pub fn spawn(work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new().name("procnative".into()).spawn(work).map_err(|error| {
        let errno = Errno::from_raw(error.raw_os_error().unwrap_or(libc::EAGAIN));
        Error { syscall: "pthread_create", errno, path: None }
    })
}

impl Shared {
    fn watch(&self, set: &Epoll, wake: impl Fn()) {
        // A poll of descriptors that are held open does not fail. The end may have been read along with a turn's.
        while !self.ended.load(Ordering::Acquire)
            && poll::wait(&[set.0.as_fd(), self.go_on.as_fd()], None).is_ok()
        {
            if self.ended.load(Ordering::Acquire) {
                return;
            }
            wake();
            // Of a turn that is over, or of the end.
            while self.go_on.read() == Err(Errno::EINTR) {}
        }
    }

    fn tell(&self) {
        // It overflows after 2^64 of these.
        let _ = self.go_on.write(1);
    }
}

impl Waker for Thread {
    fn keep_alive(&mut self, yes: bool) {
        (self.keep_alive)(yes);
    }

    fn turned(&self) {
        self.shared.tell();
    }

    fn close(mut self: Box<Self>, done: Box<dyn FnOnce()>) {
        self.shared.ended.store(true, Ordering::Release);
        self.shared.tell();
        if let Some(thread) = self.thread.take() {
            // A panic has been told by the thread itself.
            let _ = thread.join();
        }
        done();
    }
}
