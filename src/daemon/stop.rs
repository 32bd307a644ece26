//! Stopping the daemon of a pid file.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::error::{During, Result};
use crate::pid_file::status::{self, Status};
use crate::sys::{pidfd, poll};

/// How often the daemon may hand over or end between two looks.
const ATTEMPTS: usize = 16;

/// How it went.
pub enum Stopped {
    NotRunning,
    /// The file is locked, but what holds the lock is not the process that it names.
    Unknown,
    /// Gone, by its own or, past the time-out, by SIGKILL.
    Gone {
        pid: i32,
        killed: bool,
    },
    /// Still there when the time was over.
    Late {
        pid: i32,
    },
}

/// Sends `signal` and waits for the end; past `timeout`, sends SIGKILL if `kill`, and waits as long again.
pub fn stop(path: &str, signal: i32, timeout: Duration, kill: bool) -> Result<Stopped> {
    let (pid, process) = match find(path)? {
        Found::Daemon(pid, process) => (pid, process),
        Found::Nobody => return Ok(Stopped::NotRunning),
        Found::Unknown => return Ok(Stopped::Unknown),
    };
    for (signal, killed) in [(signal, false), (libc::SIGKILL, true)] {
        if killed && !kill {
            break;
        }
        match pidfd::send_signal(process.as_fd(), signal) {
            // It has ended, and was reaped, by itself.
            Err(Errno::ESRCH) => return Ok(Stopped::Gone { pid, killed: false }),
            result => result.during("pidfd_send_signal")?,
        }
        if poll::wait(&[process.as_fd()], Some(Instant::now() + timeout)).during("poll")? {
            return Ok(Stopped::Gone { pid, killed });
        }
    }
    Ok(Stopped::Late { pid })
}

enum Found {
    Daemon(i32, OwnedFd),
    Nobody,
    Unknown,
}

/// The process that holds the file's lock and is named by it, held fast: it is asked for once more when we have its
/// pidfd, so that this can't be of a stranger who was given the number since.
fn find(path: &str) -> Result<Found> {
    for _ in 0..ATTEMPTS {
        let status = status::settled(path)?;
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
