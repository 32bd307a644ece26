//! A daemon, by a double fork.

use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::{self, Pid};

use super::child::{self, Step};
use super::guard::Shield;
use super::shared::{Shared, step_failed};
use super::stack::Stack;
use crate::error::{During, Error, Result};
use crate::exit_status;
use crate::plan::Plan;
use crate::sys::process::{self, Status, Which};
use crate::sys::{pidfd, poll};

/// Whose child a daemon is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinship {
    /// The caller's, until that ends: it dies with the caller until it clears its death signal, and is the caller's to
    /// reap.
    Child,
    /// Nobody's: init, or the nearest subreaper, is its parent from the start.
    Orphan,
}

/// A process that was started as a daemon. Unless it is released or reaped, it is killed when this is dropped.
#[derive(Debug)]
pub struct Daemon {
    pid: i32,
    /// The session and the process group that it was born into, named after the middle process that is gone.
    group: i32,
    pidfd: OwnedFd,
    kinship: Kinship,
    ours: bool,
}

impl Daemon {
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Kills the daemon and what it has started, as far as that is still in its process group. EPERM where it runs
    /// as another user and the caller has no right to signal that one.
    pub fn kill(&self) -> Result<()> {
        self.kill_group();
        pidfd::send_signal(self.as_fd(), libc::SIGKILL).during("pidfd_send_signal")
    }

    /// Kills what is in its process group. It may have left that for one of its own, and a number that nobody has
    /// any more may be given to strangers: only what the daemon holds itself can't be, until it is reaped.
    pub fn kill_group(&self) {
        let pid = Pid::from_raw(self.pid);
        let [session, group] =
            [unistd::getsid(Some(pid)), unistd::getpgid(Some(pid))].map(|id| id.map_or(0, Pid::as_raw));
        // An orphan is init's to reap, at any time: then its number, too, may be a stranger's.
        if pidfd::send_signal(self.as_fd(), 0) == Err(Errno::ESRCH) {
            return;
        }
        if session == self.group || group == self.group {
            kill_if_any(-self.group);
        }
        if group == self.pid {
            kill_if_any(-group);
        }
    }

    /// Waits for its end. None where the kernel does not tell how that was, of an orphan.
    pub fn reap(mut self) -> Result<Option<Status>> {
        self.ours = false;
        match self.collect().during("waitid")? {
            None => Ok(exit_status::of_stranger(self.pid, self.as_fd())),
            status => Ok(status),
        }
    }

    /// Waits for its end and reaps it, which an orphan may be ours for too: where we are the nearest subreaper.
    fn collect(&self) -> nix::Result<Option<Status>> {
        poll::wait(&[self.as_fd()], None)?;
        match process::reap(Which::Pidfd(self.as_fd())) {
            Err(Errno::ECHILD) if self.kinship == Kinship::Orphan => Ok(None),
            result => result.map(|(_, status)| Some(status)),
        }
    }

    /// Lets it live. Returns its pid.
    pub fn release(mut self) -> i32 {
        self.ours = false;
        self.pid
    }
}

impl AsFd for Daemon {
    /// The pidfd: readable once the daemon is dead.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // One that may not be killed is not waited for: it could live for ever.
        if self.ours && self.kill().is_ok() {
            // Our own child, and dead: nothing can go wrong that could be told to anybody.
            let _ = self.collect();
        }
    }
}

/// That nobody is there any more is what is wanted; that some may not be signalled can't be helped.
fn kill_if_any(pid: i32) {
    let _ = process::kill(pid, Signal::SIGKILL);
}

/// Starts `plan` by a double fork: a middle process calls setsid(2) and clones the daemon, which therefore leads
/// nothing and can gain no terminal.
pub fn daemon(plan: &mut Plan, kinship: Kinship) -> Result<Daemon> {
    let mut memory = Shared::prepare(plan)?;
    if kinship == Kinship::Child {
        (memory.orders.tied, memory.orders.death_signal) = (true, libc::SIGKILL);
    }
    let (stack, daemon_stack) = (Stack::new()?, Stack::new()?);
    memory.orders.daemon_stack = daemon_stack.top();

    let (group, middle) = {
        let _shield = Shield::new(memory.credentials.is_some());
        let group = clone_middle(&mut memory, &stack)?;
        (group, reap_middle(&memory, group))
    };
    let report = memory.report();
    let middle = match middle {
        Ok(middle) if !middle.may_have_left_daemon => middle,
        unknown => {
            if report.pid != 0 {
                // SAFETY: the daemon has run, so the kernel had put a new descriptor there, into our table.
                let pidfd = unsafe { OwnedFd::from_raw_fd(report.pidfd) };
                // It may live, and nobody would hear of it.
                let _ = pidfd::send_signal(pidfd.as_fd(), libc::SIGKILL);
            }
            // One that is dying, in the memory that it was lent, keeps that.
            std::mem::forget((memory, stack, daemon_stack));
            return Err(unknown.err().unwrap_or_else(cut_short));
        }
    };
    let daemon = (middle.status == Status::Exited(0) || middle.left_daemon).then(|| Daemon {
        pid: report.pid,
        group,
        // SAFETY: the daemon was cloned, so the kernel put a new descriptor there, into the table that we share.
        pidfd: unsafe { OwnedFd::from_raw_fd(report.pidfd) },
        kinship,
        ours: !middle.left_daemon,
    });

    match (middle.status, daemon) {
        (Status::Exited(0), Some(daemon)) if report.step == Step::None => Ok(daemon),
        (Status::Exited(0), Some(daemon)) => {
            // An orphan was reaped by the middle process, unless that was quicker to end.
            drop(daemon);
            Err(step_failed(&report, plan))
        }
        (Status::Exited(_), _) => Err(step_failed(&report, plan)),
        (Status::Killed { .. }, _) => Err(cut_short()),
    }
}

/// Somebody killed the middle process: the clone that it was there for did not come to its end.
fn cut_short() -> Error {
    Error { syscall: "clone", errno: Errno::EINTR, path: None }
}

/// How the middle process ended.
struct Middle {
    status: Status,
    /// It was killed after it had cloned the daemon, which has been killed and reaped too.
    left_daemon: bool,
    /// It was killed, and whether there was a daemon, which has been killed too, can't be known: it was not ours.
    may_have_left_daemon: bool,
}

/// Returns once the middle process has ended, and the daemon therefore has exec'd or died.
fn clone_middle(memory: &mut Shared<'_>, stack: &Stack) -> Result<i32> {
    // No exit signal: the middle process is nobody's SIGCHLD. CLONE_FILES: the pidfd that it is given for
    // the daemon lands in our table.
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_FILES;
    let orders = &raw mut *memory.orders;
    // SAFETY: `middle` follows the rules at the head of its file, on a stack of its own; all that the orders
    // point to is kept by `memory` until the children are done with it.
    let pid = unsafe { libc::clone(child::middle, stack.top(), flags, orders.cast()) };
    Errno::result(pid).during("clone")
}

/// Reaps the middle process. Where it was killed it may have left a daemon that still runs in our memory: that
/// one is killed and, if it is ours, reaped too, before anything is freed. The dead middle process keeps the number
/// of their group from being given to somebody else until it is reaped.
fn reap_middle(memory: &Shared<'_>, middle: i32) -> Result<Middle> {
    let status = process::await_end(middle).during("waitid")?;
    let mut left_daemon = false;
    let killed = !matches!(status, Status::Exited(_));
    if killed {
        kill_if_any(-middle);
        // The middle process is among them.
        while let Ok((pid, _)) = process::reap(Which::Group(middle)) {
            left_daemon |= pid != middle;
        }
        // It runs, and has left the group since; as our child, it has its number until we reap it.
        let daemon = memory.report().pid;
        if memory.orders.tied && !left_daemon && daemon != 0 {
            kill_if_any(daemon);
            left_daemon = process::reap(Which::Pid(daemon)).is_ok();
        }
    }
    let may_have_left_daemon = killed && !memory.orders.tied && !left_daemon;
    match process::reap(Which::Pid(middle)) {
        Ok(_) | Err(Errno::ECHILD) => Ok(Middle { status, left_daemon, may_have_left_daemon }),
        Err(errno) => Err(Error { syscall: "waitid", errno, path: None }),
    }
}
