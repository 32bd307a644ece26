//! Stops the daemon of a pid file.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::daemon::pid_file::SETTLE_TIMEOUT;
use crate::daemon::pid_file::status::{self, Status};
use crate::daemon::pid_file::succession::{Description, Succession};
use crate::error::{During, Result};
use crate::sys::{pidfd, poll};

/// The most daemons that are stopped in a row, and the most attempts to find one of them. The daemon may hand over or
/// end during an attempt.
const MAX_ATTEMPTS: usize = 16;

/// The outcome of a stop.
pub enum StopOutcome {
    NotRunning,
    /// The file is locked, but the process that it names does not hold the lock.
    Unknown,
    /// The daemon has ended. `pid` is the first daemon, before any successors. `killed`: SIGKILL was necessary.
    Gone {
        pid: i32,
        killed: bool,
    },
    /// The daemon still runs after the time-out.
    Late {
        pid: i32,
    },
}

/// Stops the daemon, and then each successor that it has started. A successor holds the lock once its predecessor has
/// ended.
pub fn stop(path: &str, signal: i32, timeout: Duration, kill: bool) -> Result<StopOutcome> {
    let mut outcome = StopOutcome::NotRunning;
    let mut found = find(path)?;
    for _ in 0..MAX_ATTEMPTS {
        let Daemon { pid, process, description } = match found {
            Found::Daemon(daemon) => daemon,
            Found::NoDaemon => return Ok(outcome),
            Found::Unknown => return Ok(StopOutcome::Unknown),
        };
        let Some(was_killed) = end(&process, signal, timeout, kill)? else {
            return Ok(StopOutcome::Late { pid });
        };
        outcome = match outcome {
            StopOutcome::Gone { pid, killed } => StopOutcome::Gone { pid, killed: killed || was_killed },
            _ => StopOutcome::Gone { pid, killed: was_killed },
        };
        found = match description {
            // The file names the predecessor until a successor is ready.
            Some(description) => find_successor(path, &description, SETTLE_TIMEOUT.max(timeout))?,
            None => Found::NoDaemon,
        };
    }
    Ok(StopOutcome::Unknown)
}

/// Sends `signal` and waits for the end. After `timeout`, sends SIGKILL if `kill` is set, and waits as long again.
/// Returns whether SIGKILL was necessary; None if the process still exists.
fn end(process: &OwnedFd, signal: i32, timeout: Duration, kill: bool) -> Result<Option<bool>> {
    for (signal, killed) in [(signal, false), (libc::SIGKILL, true)] {
        if killed && !kill {
            break;
        }
        match pidfd::send_signal(process.as_fd(), signal) {
            // The daemon has ended and was reaped.
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
    NoDaemon,
    /// The file is locked, but does not name the holder of the lock.
    Unknown,
}

struct Daemon {
    pid: i32,
    process: OwnedFd,
    /// None if a successor would look like another program.
    description: Option<Description>,
}

/// Finds the process that the file names, if that process holds the file's lock.
fn find(path: &str) -> Result<Found> {
    for _ in 0..MAX_ATTEMPTS {
        let pid = match status::read_settled(path, SETTLE_TIMEOUT)? {
            Status::Stopped => return Ok(Found::NoDaemon),
            Status::Running(Some(pid)) => pid,
            Status::Running(None) | Status::Starting => break,
        };
        if let Some(daemon) = open_daemon(path, pid)? {
            return Ok(Found::Daemon(daemon));
        }
    }
    Ok(Found::Unknown)
}

/// Finds the process that has inherited an ended daemon's lock. Returns no process that has locked the file since.
fn find_successor(path: &str, description: &Description, patience: Duration) -> Result<Found> {
    for _ in 0..MAX_ATTEMPTS {
        let pid = match description.await_succession(path, patience)? {
            Succession::Over => return Ok(Found::NoDaemon),
            Succession::Named(pid) => pid,
            Succession::Unknown => break,
        };
        let Some(daemon) = open_daemon(path, pid)? else { continue };
        let is_successor = daemon.description.as_ref().is_some_and(|next| next.is_same(description));
        return Ok(if is_successor { Found::Daemon(daemon) } else { Found::NoDaemon });
    }
    Ok(Found::Unknown)
}

/// Opens a pidfd for the daemon `pid`. Reads the file again after that, because the kernel may have given the number to
/// another process before. Returns None if the file names another daemon by now.
fn open_daemon(path: &str, pid: i32) -> Result<Option<Daemon>> {
    let process = match pidfd::open(pid) {
        Err(Errno::ESRCH) => return Ok(None),
        result => result.during("pidfd_open")?,
    };
    let description = Description::of(path, pid)?;
    let is_daemon = status::read(path)? == Status::Running(Some(pid));
    Ok(is_daemon.then_some(Daemon { pid, process, description }))
}
