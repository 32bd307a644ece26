//! Daemons.
//!
//! - [`launcher`] runs this program again as a daemon, and ends when the daemon is ready. [`link`] connects the two.
//! - [`spawn_daemon`] starts any program as a daemon.
//! - [`output`] and [`log`] open the daemon's output.
//! - [`pid_file`] locks pid files and stops daemons.
//! - [`systemd`] talks to the service manager.

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

/// The first descriptor after the standard ones. systemd's sockets begin here, and our own descriptors follow without a
/// gap: Node marks inherited descriptors close-on-exec, and stops at the first gap.
pub const FIRST_FREE: i32 = 3;

/// The outcome of a start. A daemon is left only if it is ready, or if it is late and was not killed.
pub enum StartOutcome {
    Ready {
        pid: i32,
        /// True if the pid file belonged to the caller until now.
        handed_over: bool,
        /// True if the service manager has read that this daemon is the main process now. None without a manager.
        introduced: Option<Result<bool>>,
    },
    /// Another daemon has locked the pid file. Its pid, if known.
    AlreadyRunning { pid: Option<i32> },
    /// The daemon ended before it was ready. `status` is None if the kernel does not report how it ended.
    Died { status: Option<Status>, report: FailureReport },
    /// The daemon was not ready in time. It was killed unless the caller has no right to signal it.
    Late { killed: bool, report: FailureReport },
}

impl StartOutcome {
    fn leaves_daemon(&self) -> bool {
        matches!(self, Self::Ready { .. } | Self::Late { killed: false, .. })
    }
}

/// The messages of a daemon that did not become ready.
pub struct FailureReport {
    /// The last error that the daemon sent over the link, as JSON. A program of spawnDaemon() has no link.
    pub error: Option<String>,
    /// The end of the standard error of this start.
    pub stderr: String,
}

/// Reaps a dead daemon, and kills the processes that the daemon started.
fn reap_dead(daemon: Daemon, report: FailureReport) -> Result<StartOutcome> {
    Ok(StartOutcome::Died { status: daemon.reap()?, report })
}

/// Kills a daemon whose time is over. Lets it live on if the caller has no right to signal it.
fn end_late(daemon: Daemon, report: FailureReport) -> Result<StartOutcome> {
    let killed = daemon.kill().is_ok();
    if killed {
        daemon.reap()?;
    } else {
        daemon.kill_group();
        daemon.release();
    }
    Ok(StartOutcome::Late { killed, report })
}

/// Tells the service manager at `manager` that `pid` replaces the caller, and waits until the manager has read that.
/// The manager ignores messages of a process that it does not know yet. So the daemon sends its own messages only after
/// this.
fn introduce(manager: Option<&str>, pid: i32, state: &str) -> Option<Result<bool>> {
    manager.map(|socket| systemd::notify_and_wait(socket, &format!("MAINPID={pid}\n{state}")))
}
