//! A daemon, by a double fork.

use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::{self, Pid};

use super::child::{self, Step};
use super::guard::Shield;
use super::keeper::Keeper;
use super::shared::{Shared, step_failed};
use super::stack::Stack;
use crate::clone::plan::Plan;
use crate::error::{During, Error, Result};
use crate::proc::exit_status;
use crate::sys::process::{self, Status, Which};
use crate::sys::{pidfd, poll};

/// How long a process that was killed may take to die before its memory is given up.
const DYING: Duration = Duration::from_secs(1);

/// Whose child a daemon is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinship {
    /// Child of the middle process, which stays until the daemon is released. The daemon dies with the caller until it clears its
    /// death signal.
    Kept,
    /// Child of init, or of the nearest subreaper, from the start.
    Orphan,
}

/// A process that was started as a daemon. Unless it is released or reaped, it is killed when this is dropped.
pub struct Daemon {
    pid: i32,
    /// The session and the process group that it was born into. Their number is the pid of the middle process.
    group: i32,
    pidfd: OwnedFd,
    /// None for an orphan.
    keeper: Option<Keeper>,
    ours: bool,
}

impl Daemon {
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Kills the daemon, and also its process group if it is an orphan: its number is certain only while it lives. A keeper
    /// is in that group and must report the end of the daemon first, so `reap` kills the group of a kept daemon. EPERM if the
    /// daemon runs as another user, and the caller has no right to signal that user's processes.
    pub fn kill(&self) -> Result<()> {
        if self.keeper.is_none() {
            self.kill_group();
        }
        match pidfd::send_signal(self.as_fd(), libc::SIGKILL) {
            // It has ended, and init has reaped it.
            Err(Errno::ESRCH) => Ok(()),
            result => result.during("pidfd_send_signal"),
        }
    }

    /// Kills the processes of its process group, and of the one that it was born into. The kernel may give the number of an empty
    /// group to a stranger, but not while the daemon or its keeper is in that group and unreaped. A keeper leaves the dead
    /// daemon a zombie, and is killed last.
    pub fn kill_group(&self) {
        let pid = Pid::from_raw(self.pid);
        let [session, group] =
            [unistd::getsid(Some(pid)), unistd::getpgid(Some(pid))].map(|id| id.map_or(0, Pid::as_raw));
        // An orphan is init's to reap, at any time: then its number, too, may be a stranger's.
        if pidfd::send_signal(self.as_fd(), 0) == Err(Errno::ESRCH) {
            return;
        }
        if group == self.pid {
            kill_if_any(-group);
        }
        if session == self.group || group == self.group {
            kill_if_any(-self.group);
        }
    }

    /// Waits for its end, and kills its process group. None if the kernel does not report how it ended.
    pub fn reap(mut self) -> Result<Option<Status>> {
        self.ours = false;
        match self.collect()? {
            None => Ok(exit_status::of_stranger(self.pid, self.as_fd())),
            status => Ok(status),
        }
    }

    /// Waits for its end, and kills its process group. Reaps it if we are its nearest subreaper.
    fn collect(&mut self) -> Result<Option<Status>> {
        poll::wait(&[self.as_fd()], None).during("poll")?;
        // Asked before the keeper is killed with the group.
        let kept = match &self.keeper {
            None => None,
            Some(keeper) => keeper.status()?,
        };
        self.kill_group();
        self.keeper = None;
        match process::reap(Which::Pidfd(self.as_fd())) {
            Err(Errno::ECHILD) => Ok(kept),
            result => result.during("waitid").map(|(_, status)| Some(status)),
        }
    }

    /// Lets the daemon live on as an orphan. Returns its pid.
    pub fn release(mut self) -> i32 {
        self.ours = false;
        self.keeper = None;
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
            // The daemon is dead. Report the error that made this necessary, not this one.
            let _ = self.collect();
        }
    }
}

/// Starts `plan` by a double fork: a middle process calls setsid(2) and clones the daemon, which therefore leads
/// nothing and can gain no terminal.
pub fn twice(plan: &mut Plan, kinship: Kinship) -> Result<Daemon> {
    let mut memory = Shared::prepare(plan)?;
    let (stack, daemon_stack) = (Stack::new()?, Stack::new()?);
    memory.orders.daemon_stack = daemon_stack.top();
    let middle = {
        let _shield = Shield::new(memory.credentials.is_some());
        match kinship {
            Kinship::Kept => {
                memory.orders.death_signal = libc::SIGKILL;
                Middle::that_stays(&mut memory, &stack)
            }
            Kinship::Orphan => Middle::that_ends(&mut memory, &stack),
        }
    };
    let middle = middle?;
    let report = memory.report();
    // SAFETY: if the daemon has run, the kernel had put a new descriptor into the table that we share.
    let pidfd = (report.pid != 0).then(|| unsafe { OwnedFd::from_raw_fd(report.pidfd) });
    match (middle.end, pidfd) {
        (End::Done, Some(pidfd)) if report.step == Step::None => {
            let mut keeper = middle.keeper;
            if let Some(keeper) = &mut keeper {
                keeper.hold(memory.into_orders(), stack);
            }
            Ok(Daemon { pid: report.pid, group: middle.pid, pidfd, keeper, ours: true })
        }
        // The middle process has reaped a daemon that failed before its program began.
        (End::Done | End::Failed, _) => Err(step_failed(&report, plan)),
        (End::Killed, pidfd) => {
            if let Some(pidfd) = pidfd {
                // The daemon may live, and no process would report that. Until it is dead it writes to the plan, which the
                // caller drops.
                let _ = pidfd::send_signal(pidfd.as_fd(), libc::SIGKILL);
                let _ = poll::wait(&[pidfd.as_fd()], Some(Instant::now() + DYING));
            }
            // One that is dying, in the memory that it was lent, keeps that.
            std::mem::forget((memory, stack, daemon_stack));
            Err(Error { syscall: "clone", errno: Errno::EINTR, path: None })
        }
    }
}

/// The middle process, once the daemon has begun its program or has failed.
struct Middle {
    pid: i32,
    end: End,
    keeper: Option<Keeper>,
}

/// How the middle process has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// It cloned the daemon.
    Done,
    /// One of its own steps failed.
    Failed,
    /// It was killed, during the clone, before it or after it.
    Killed,
}

impl Middle {
    /// Starts a middle process that has ended once the daemon has begun.
    fn that_ends(memory: &mut Shared<'_>, stack: &Stack) -> Result<Self> {
        // No exit signal, so that no SIGCHLD handler sees the middle process. CLONE_FILES: the middle process receives the
        // daemon's pidfd, which must land in our table.
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_FILES;
        let orders = &raw mut *memory.orders;
        // SAFETY: `middle` follows the rules at the head of its file, on a stack of its own. `memory` keeps all that the
        // orders point to until the children are done with it.
        let pid = unsafe { libc::clone(child::middle, stack.top(), flags, orders.cast()) };
        let pid = Errno::result(pid).during("clone")?;
        Ok(Self { pid, end: end_of(pid)?, keeper: None })
    }

    /// Starts a middle process that stays.
    fn that_stays(memory: &mut Shared<'_>, stack: &Stack) -> Result<Self> {
        let keeper = Keeper::clone(memory, stack)?;
        let pid = keeper.pid;
        match keeper.tells() {
            Ok(true) => Ok(Self { pid, end: End::Done, keeper: Some(keeper) }),
            // Reaped here, so the keeper's drop must do nothing.
            Ok(false) => Ok(Self { pid, end: end_of(keeper.into_pid())?, keeper: None }),
            // Without its report, nothing tells whether the daemon is still in our memory: as if the keeper had been killed.
            Err(_) => Ok(Self { pid, end: End::Killed, keeper: None }),
        }
    }
}

/// Waits for the end of the middle process. If it was killed, a daemon may still run in our memory, so its process group is
/// killed. No other process can get the number of that group until the dead middle process is reaped.
fn end_of(middle: i32) -> Result<End> {
    let status = process::await_end(middle).during("waitid")?;
    let end = match status {
        Status::Exited(0) => End::Done,
        Status::Exited(_) => End::Failed,
        Status::Killed { .. } => End::Killed,
    };
    if end == End::Killed {
        kill_if_any(-middle);
    }
    process::reap(Which::Pid(middle)).during("waitid")?;
    Ok(end)
}

/// ESRCH means that the process is gone already. EPERM can't be helped.
fn kill_if_any(pid: i32) {
    let _ = process::kill(pid, Signal::SIGKILL);
}
