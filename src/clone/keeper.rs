//! The keeper: the parent of a daemon that is not ready. It is the middle process of the double fork, which stays. It
//! learns on every kernel how the daemon ends, and its own death ends the daemon. Once the keeper is gone, a living
//! daemon is an orphan.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::Signal;

use super::child::{self, ChildOptions};
use super::shared::Shared;
use super::stack::Stack;
use crate::error::{During, Result};
use crate::sys::poll;
use crate::sys::process::{self, Status, Which};

/// A keeper. Dropping it kills and reaps the keeper process, so that the daemon becomes an orphan.
pub struct Keeper {
    pub pid: i32,
    /// Readable once the keeper is dead.
    pidfd: OwnedFd,
    /// The keeper writes to it when the daemon has begun its program, and when the daemon has ended.
    event: EventFd,
    /// The keeper's memory; None until the daemon has begun.
    memory: Option<(Box<ChildOptions>, Stack)>,
}

impl Keeper {
    /// Clones the keeper. Waits until its daemon has begun its program, or the keeper has ended. Until then, the caller
    /// must keep the targets of all pointers in the options.
    pub fn clone(memory: &mut Shared<'_>, stack: &Stack) -> Result<Self> {
        // A semaphore, because the second event can come before the first one is read.
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_SEMAPHORE;
        let event = EventFd::from_flags(flags).during("eventfd")?;
        memory.options.keeper_event = event.as_raw_fd();
        // No exit signal, so that no SIGCHLD handler sees the keeper. CLONE_FILES, because the daemon's pidfd must be
        // in our table. Not CLONE_VFORK, because this thread must go on while the keeper lives.
        let flags = libc::CLONE_VM | libc::CLONE_FILES | libc::CLONE_PIDFD;
        let mut pidfd = -1;
        let options = &raw mut *memory.options;
        // SAFETY: `middle` follows the rules at the head of its file, on its own stack.
        let pid = unsafe { libc::clone(child::middle, stack.top(), flags, options.cast(), &raw mut pidfd) };
        let pid = Errno::result(pid).during("clone")?;
        // SAFETY: the clone has succeeded, so `pidfd` is a new descriptor.
        let keeper = Self { pid, pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) }, event, memory: None };
        stand_still([keeper.event.as_fd(), keeper.pidfd.as_fd()]);
        Ok(keeper)
    }

    /// Waits for the next event. Returns false if the keeper has ended without an event. The first event is the
    /// beginning of the daemon's program. The second event is the daemon's end.
    pub fn wait_for_event(&self) -> Result<bool> {
        poll::wait(&[self.event.as_fd(), self.pidfd.as_fd()], None).during("poll")?;
        let has_event = poll::is_readable(self.event.as_fd()).during("poll")?;
        if has_event {
            self.event.read().during("read")?;
        }
        Ok(has_event)
    }

    /// Takes over the memory that the keeper still uses once the daemon has begun.
    pub fn hold(&mut self, options: Box<ChildOptions>, stack: Stack) {
        self.memory = Some((options, stack));
    }

    /// Returns how the dead daemon has ended. None if the keeper was killed before it could report that.
    pub fn status(&self) -> Result<Option<Status>> {
        let has_event = self.wait_for_event()?;
        let Some((options, _)) = self.memory.as_ref().filter(|_| has_event) else { return Ok(None) };
        // SAFETY: the memory is ours, and the keeper no longer writes to it.
        let report = unsafe { ptr::read_volatile(&raw const options.report) };
        Ok(Some(Status::from_waited(report.end_code, report.end_status)))
    }

    /// Returns the pid. The caller must reap the keeper.
    pub fn into_pid(mut self) -> i32 {
        std::mem::replace(&mut self.pid, 0)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if self.pid == 0 {
            return;
        }
        // The keeper is our unreaped child, so both calls succeed.
        let _ = process::kill(self.pid, Signal::SIGKILL);
        let _ = process::reap(Which::Pid(self.pid));
    }
}

/// Waits until one of two descriptors is readable. Uses neither errno nor a cancellation point, because meanwhile the
/// children write to this thread's thread-local storage. All signals are blocked, so no signal interrupts the wait.
fn stand_still(descriptors: [BorrowedFd<'_>; 2]) {
    let mut polled =
        descriptors.map(|fd| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 });
    let no_timeout = ptr::null::<libc::timespec>();
    let no_mask = ptr::null::<libc::sigset_t>();
    // An error must not end the wait, because the children are still in this thread's memory.
    while polled.iter().all(|one| one.revents == 0) {
        // SAFETY: the kernel reads and writes two structs.
        unsafe { libc::syscall(libc::SYS_ppoll, polled.as_mut_ptr(), polled.len(), no_timeout, no_mask, 8) };
    }
}
