//! Daemons. [`launcher`] runs this program again, and ends when the daemon is ready; [`link`] connects the two.
//! [`spawn_daemon`] starts any program. [`output`] and [`log`] are for its output, [`pid_file`] for the lock and the end of a
//! daemon, [`systemd`] for the service manager.

pub mod launcher;
pub mod link;
mod log;
pub mod output;
pub mod pid_file;
pub mod spawn_daemon;
pub mod systemd;

use crate::clone::Daemon;
use crate::error::Result;
use crate::sys::process::Status;

/// The first descriptor after the standard ones: systemd's sockets begin here, then come our own. There is no gap,
/// because Node marks what it inherits close-on-exec until it meets one.
pub const FIRST_FREE: i32 = 3;

/// How a start went. Unless it is ready, or may not be killed, nothing of the daemon is left.
pub enum Outcome {
    Ready {
        pid: i32,
        /// Whether the pid file was the caller's until now.
        handed_over: bool,
        /// Whether the service manager knows the daemon; None if there is no manager.
        told: Option<Result<bool>>,
    },
    /// The pid file is locked by another one.
    AlreadyRunning { pid: Option<i32> },
    /// Dead before it was ready; how, unless the kernel does not tell.
    Died { status: Option<Status>, said: Said },
    /// Too late, and killed, unless it runs as somebody whom we may not signal.
    Late { killed: bool, said: Said },
}

impl Outcome {
    fn leaves_daemon(&self) -> bool {
        matches!(self, Self::Ready { .. } | Self::Late { killed: false, .. })
    }
}

/// What a daemon that did not become ready has left to read.
pub struct Said {
    /// The error that it met last.
    pub trouble: Option<String>,
    pub stderr: String,
}

/// It is dead: what it has started goes with it.
fn died(daemon: Daemon, said: Said) -> Result<Outcome> {
    Ok(Outcome::Died { status: daemon.reap()?, said })
}

/// Its time is over: it is killed, if we may.
fn late(daemon: Daemon, said: Said) -> Result<Outcome> {
    let killed = daemon.kill().is_ok();
    if killed {
        daemon.reap()?;
    } else {
        daemon.kill_group();
        daemon.release();
    }
    Ok(Outcome::Late { killed, said })
}

/// Tells the service manager at `manager` that `pid` replaces the caller, and waits until the manager has read that. The
/// manager listens to the main process only, so the daemon waits for this before it sends messages of its own.
fn introduce(manager: Option<&str>, pid: i32, state: &str) -> Option<Result<bool>> {
    manager.map(|socket| systemd::notify_and_wait(socket, &format!("MAINPID={pid}\n{state}")))
}
