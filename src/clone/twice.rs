//! Starts a daemon by a double fork.

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

/// The time that a killed process gets to die before its memory is leaked.
const DEATH_TIMEOUT: Duration = Duration::from_secs(1);

/// The parent of a new daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinship {
    /// The middle process, which stays until the daemon is released. Until the daemon clears its death signal, it dies
    /// with the caller.
    Kept,
    /// Init or the nearest subreaper, from the start.
    Orphan,
}

/// A process that was started as a daemon. Dropping this kills the process, unless it was released or reaped.
pub struct Daemon {
    pid: i32,
    /// The id of the session and the process group in which the daemon began: the pid of the middle process.
    group: i32,
    pidfd: OwnedFd,
    /// None for an orphan.
    keeper: Option<Keeper>,
    is_ours: bool,
}

impl Daemon {
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Kills the daemon. Also kills the process group of an orphan, because the group's number is certain only while
    /// the daemon lives. A keeper is in that group, and must report the end of the daemon first. So `reap` kills the
    /// group of a kept daemon. Fails with EPERM if the daemon runs as another user whose processes the caller may not
    /// signal.
    pub fn kill(&self) -> Result<()> {
        if self.keeper.is_none() {
            self.kill_group();
        }
        match pidfd::send_signal(self.as_fd(), libc::SIGKILL) {
            // The daemon has ended, and init has reaped it.
            Err(Errno::ESRCH) => Ok(()),
            result => result.during("pidfd_send_signal"),
        }
    }

    /// Kills the daemon's process group, and the group in which it began. The kernel may give the number of an empty
    /// group to a stranger. A group with an unreaped daemon or keeper is not empty. A keeper leaves the dead daemon a
    /// zombie, and is killed last.
    pub fn kill_group(&self) {
        let pid = Pid::from_raw(self.pid);
        let [session, group] =
            [unistd::getsid(Some(pid)), unistd::getpgid(Some(pid))].map(|id| id.map_or(0, Pid::as_raw));
        // Init can reap an orphan at any time. The pid may then belong to a stranger, and so may the groups found
        // above.
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

    /// Waits for the daemon's end, and kills its process group. Returns None if the kernel does not report how it
    /// ended.
    pub fn reap(mut self) -> Result<Option<Status>> {
        self.is_ours = false;
        match self.collect()? {
            None => Ok(exit_status::of_stranger(self.pid, self.as_fd())),
            status => Ok(status),
        }
    }

    /// Waits for the daemon's end, and kills its process group. Reaps the daemon if we are its nearest subreaper.
    fn collect(&mut self) -> Result<Option<Status>> {
        poll::wait(&[self.as_fd()], None).during("poll")?;
        // First, because `kill_group` also kills the keeper.
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
        self.is_ours = false;
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
        // Don't wait for a daemon that we may not kill: it could live forever.
        if self.is_ours && self.kill().is_ok() {
            // The daemon is dead. Report the error that made this necessary, not this one.
            let _ = self.collect();
        }
    }
}

/// Starts `plan` by a double fork. A middle process calls setsid(2) and clones the daemon. So the daemon leads no
/// session, and can't acquire a controlling terminal.
pub fn twice(plan: &mut Plan, kinship: Kinship) -> Result<Daemon> {
    let mut memory = Shared::prepare(plan)?;
    let (stack, daemon_stack) = (Stack::new()?, Stack::new()?);
    memory.options.daemon_stack = daemon_stack.top();
    let middle = {
        let _shield = Shield::new(memory.credentials.is_some());
        match kinship {
            Kinship::Kept => {
                memory.options.death_signal = libc::SIGKILL;
                Middle::start_keeper(&mut memory, &stack)
            }
            Kinship::Orphan => Middle::run_to_end(&mut memory, &stack),
        }
    };
    let middle = middle?;
    let report = memory.report();
    // SAFETY: the daemon has run, so the kernel has put a new descriptor into the table that we share.
    let pidfd = (report.pid != 0).then(|| unsafe { OwnedFd::from_raw_fd(report.pidfd) });
    match (middle.end, pidfd) {
        (End::Done, Some(pidfd)) if report.step == Step::None => {
            let mut keeper = middle.keeper;
            if let Some(keeper) = &mut keeper {
                keeper.hold(memory.into_options(), stack);
            }
            Ok(Daemon { pid: report.pid, group: middle.pid, pidfd, keeper, is_ours: true })
        }
        // The middle process has reaped a daemon that failed before its program began.
        (End::Done | End::Failed, _) => Err(step_failed(&report, plan)),
        (End::Killed, pidfd) => {
            if let Some(pidfd) = pidfd {
                // The daemon may live, but no process reports that. Until it is dead, it may write to the plan, which
                // the caller drops.
                let _ = pidfd::send_signal(pidfd.as_fd(), libc::SIGKILL);
                let _ = poll::wait(&[pidfd.as_fd()], Some(Instant::now() + DEATH_TIMEOUT));
            }
            // Leak the memory, because the daemon may still be dying in it.
            std::mem::forget((memory, stack, daemon_stack));
            Err(Error { syscall: "clone", errno: Errno::EINTR, path: None })
        }
    }
}

/// The middle process, after the daemon has begun its program or has failed.
struct Middle {
    pid: i32,
    end: End,
    keeper: Option<Keeper>,
}

/// The end of the middle process.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// It cloned the daemon.
    Done,
    /// One of its own steps failed.
    Failed,
    /// It was killed before, during or after its clone.
    Killed,
}

impl Middle {
    /// Starts a middle process that ends once the daemon has begun.
    fn run_to_end(memory: &mut Shared<'_>, stack: &Stack) -> Result<Self> {
        // No exit signal, so that no SIGCHLD handler sees the middle process. CLONE_FILES, because the daemon's pidfd
        // must be in our table.
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_FILES;
        let options = &raw mut *memory.options;
        // SAFETY: `middle` follows the rules at the head of its file, on its own stack. `memory` keeps the targets of
        // all pointers in the options until both children have exec'd or died.
        let pid = unsafe { libc::clone(child::middle, stack.top(), flags, options.cast()) };
        let pid = Errno::result(pid).during("clone")?;
        Ok(Self { pid, end: end_of(pid)?, keeper: None })
    }

    /// Starts a middle process that stays.
    fn start_keeper(memory: &mut Shared<'_>, stack: &Stack) -> Result<Self> {
        let keeper = Keeper::clone(memory, stack)?;
        let pid = keeper.pid;
        match keeper.wait_for_event() {
            Ok(true) => Ok(Self { pid, end: End::Done, keeper: Some(keeper) }),
            // `end_of` reaps the keeper, so its drop must do nothing.
            Ok(false) => Ok(Self { pid, end: end_of(keeper.into_pid())?, keeper: None }),
            // Without the keeper's report, the daemon may still be in our memory, as if the keeper had been killed.
            Err(_) => Ok(Self { pid, end: End::Killed, keeper: None }),
        }
    }
}

/// Waits for the end of the middle process, and reaps it. If it was killed, first kills its process group, because a
/// daemon may still run in our memory. No other process can get the number of that group until the middle process is
/// reaped.
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

/// Sends SIGKILL. Ignores ESRCH, because the process is then gone, and EPERM, because the caller can't do more.
fn kill_if_any(pid: i32) {
    let _ = process::kill(pid, Signal::SIGKILL);
}
