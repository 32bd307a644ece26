//! Stopping the daemon of a pid file.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::error::{During, Result};
use crate::pid_file::PATIENCE;
use crate::pid_file::status::{self, Status};
use crate::sys::{pidfd, poll};

/// How often the daemon may hand over or end between two looks.
const ATTEMPTS: usize = 16;

/// How it went.
pub enum Stopped {
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
pub fn stop(path: &str, signal: i32, timeout: Duration, kill: bool) -> Result<Stopped> {
    let mut stopped = Stopped::NotRunning;
    let mut patience = PATIENCE;
    for _ in 0..ATTEMPTS {
        let (pid, process) = match find(path, patience)? {
            Found::Daemon(pid, process) => (pid, process),
            Found::Nobody => return Ok(stopped),
            Found::Unknown => return Ok(Stopped::Unknown),
        };
        let Some(was_killed) = end(&process, signal, timeout, kill)? else {
            return Ok(Stopped::Late { pid });
        };
        stopped = match stopped {
            Stopped::Gone { pid, killed } => Stopped::Gone { pid, killed: killed || was_killed },
            _ => Stopped::Gone { pid, killed: was_killed },
        };
        // The file names the predecessor until a successor is ready.
        patience = PATIENCE.max(timeout);
    }
    Ok(Stopped::Unknown)
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
    Daemon(i32, OwnedFd),
    Nobody,
    Unknown,
}

/// The process that holds the file's lock and is named by it, held fast: it is asked for once more when we have its
/// pidfd, so that this can't be of a stranger who was given the number since.
fn find(path: &str, patience: Duration) -> Result<Found> {
    for _ in 0..ATTEMPTS {
        let status = status::settled(path, patience)?;
        let pid = match status {
            Status::Stopped => return Ok(Found::Nobody),
            Status::Running(Some(pid)) => pid,
            Status::Running(None) | Status::Starting => break,
        };
        let process = match pidfd::open(pid) {
            Err(Errno::ESRCH) => continue,
            result => result.during("pidfd_open")?,
        };
        if status::of(path)? == status {
            return Ok(Found::Daemon(pid, process));
        }
    }
    Ok(Found::Unknown)
}
