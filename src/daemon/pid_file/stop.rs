//! Stopping the daemon of a pid file.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::daemon::pid_file::PATIENCE;
use crate::daemon::pid_file::status::{self, Status};
use crate::daemon::pid_file::succession::{Description, Succession};
use crate::error::{During, Result};
use crate::sys::{pidfd, poll};

/// How often the daemon may hand over or end between two looks.
const ATTEMPTS: usize = 16;

/// How it went.
pub enum StopOutcome {
    NotRunning,
    /// The file is locked, but what holds the lock is not the process that it names.
    Unknown,
    /// The daemon ended by itself, or by SIGKILL after the time-out. `pid` is the daemon found first.
    Gone {
        pid: i32,
        killed: bool,
    },
    /// Still there when the time was over.
    Late {
        pid: i32,
    },
}

/// Stops the daemon, and then each successor that it had started. A successor holds the lock once its predecessor has ended.
pub fn stop(path: &str, signal: i32, timeout: Duration, kill: bool) -> Result<StopOutcome> {
    let mut outcome = StopOutcome::NotRunning;
    let mut next = find(path)?;
    for _ in 0..ATTEMPTS {
        let Daemon { pid, process, description } = match next {
            Found::Daemon(daemon) => daemon,
            Found::Nobody => return Ok(outcome),
            Found::Unknown => return Ok(StopOutcome::Unknown),
        };
        let Some(was_killed) = end(&process, signal, timeout, kill)? else {
            return Ok(StopOutcome::Late { pid });
        };
        outcome = match outcome {
            StopOutcome::Gone { pid, killed } => StopOutcome::Gone { pid, killed: killed || was_killed },
            _ => StopOutcome::Gone { pid, killed: was_killed },
        };
        next = match description {
            // The file names the predecessor until a successor is ready.
            Some(description) => find_successor(path, &description, PATIENCE.max(timeout))?,
            None => Found::Nobody,
        };
    }
    Ok(StopOutcome::Unknown)
}

/// Sends `signal` and waits for the end. After `timeout`, sends SIGKILL if `kill` is set, and waits as long again. Returns
/// whether SIGKILL was necessary; None if the process still exists.
fn end(process: &OwnedFd, signal: i32, timeout: Duration, kill: bool) -> Result<Option<bool>> {
    for (signal, killed) in [(signal, false), (libc::SIGKILL, true)] {
        if killed && !kill {
            break;
        }
        match pidfd::send_signal(process.as_fd(), signal) {
            // It has ended, and was reaped, by itself.
            Err(Errno::ESRCH) => return Ok(Some(false)),
            result => result.during("pidfd_send_signal")?,
        }
        if poll::wait(&[process.as_fd()], Some(Instant::now() + timeout)).during("poll")? {
            return Ok(Some(killed));
        }
    }
    Ok(None)
}

enum Found {
    Daemon(Daemon),
    Nobody,
    Unknown,
}

struct Daemon {
    pid: i32,
    process: OwnedFd,
    /// None where a successor could not be told from another program.
    description: Option<Description>,
}

/// Finds the process that the file names, if that process holds the file's lock.
fn find(path: &str) -> Result<Found> {
    for _ in 0..ATTEMPTS {
        let pid = match status::settled(path, PATIENCE)? {
            Status::Stopped => return Ok(Found::Nobody),
            Status::Running(Some(pid)) => pid,
            Status::Running(None) | Status::Starting => break,
        };
        if let Some(daemon) = hold(path, pid)? {
            return Ok(Found::Daemon(daemon));
        }
    }
    Ok(Found::Unknown)
}

/// Finds the process that has inherited an ended daemon's lock. A process that has taken the file since is not asked to end.
fn find_successor(path: &str, description: &Description, patience: Duration) -> Result<Found> {
    for _ in 0..ATTEMPTS {
        let pid = match description.succession(path, patience)? {
            Succession::Over => return Ok(Found::Nobody),
            Succession::Named(pid) => pid,
            Succession::Unknown => break,
        };
        let Some(daemon) = hold(path, pid)? else { continue };
        let is_successor = daemon.description.as_ref().is_some_and(|next| next.is_same(description));
        return Ok(if is_successor { Found::Daemon(daemon) } else { Found::Nobody });
    }
    Ok(Found::Unknown)
}

/// Opens a pidfd for the daemon. Asks for the daemon once more then: another process may have been given the number before.
/// Returns None if the file names another daemon by now.
fn hold(path: &str, pid: i32) -> Result<Option<Daemon>> {
    let process = match pidfd::open(pid) {
        Err(Errno::ESRCH) => return Ok(None),
        result => result.during("pidfd_open")?,
    };
    let description = Description::of(path, pid)?;
    let is_daemon = status::of(path)? == Status::Running(Some(pid));
    Ok(is_daemon.then_some(Daemon { pid, process, description }))
}
