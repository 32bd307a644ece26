//! The launcher: starts a daemon and waits until it is ready, dead or late.

use std::os::fd::{AsFd, RawFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use super::link::{self, LauncherEnd, MARKER, Message};
use super::output::{Output, Stderr};
use crate::error::{During, Error, Result};
use crate::identity::Identity;
use crate::plan::Plan;
use crate::spawn::{self, Daemon};
use crate::sys::process::Status;
use crate::sys::signal::DefaultActions;
use crate::{fd, sys};

/// The first descriptor after the standard ones: systemd's sockets begin here, then comes the link, then what is
/// kept. There is no gap, because Node marks what it inherits close-on-exec until it meets one.
const FIRST_FREE: RawFd = 3;

/// JavaScript handlers can't run while the launcher waits, so these get their default action.
const INTERRUPTIONS: [Signal; 4] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];

/// What to start, and how.
pub struct Orders {
    pub program: String,
    pub argv: Vec<String>,
    pub environment: Vec<String>,
    /// Where to exec, if not here.
    pub directory: Option<String>,
    /// Where the daemon will go once it runs.
    pub cwd: String,
    pub umask: u32,
    pub identity: Option<Identity>,
    pub stdout: Output,
    pub stderr: Output,
    /// Descriptors that become 3, 4, … (systemd's sockets).
    pub listen: Vec<RawFd>,
    /// Descriptors that follow the link's.
    pub keep: Vec<RawFd>,
    /// Variables that are to hold the daemon's pid.
    pub own_pid: Vec<String>,
    /// Handed to the daemon as it stands.
    pub settings: String,
    pub timeout: Option<Duration>,
}

/// How a start went.
pub enum Outcome {
    Ready {
        pid: i32,
    },
    /// Dead before it was ready.
    Died {
        status: Status,
        trouble: Option<String>,
        stderr: String,
    },
    /// Too late, and killed.
    Late {
        trouble: Option<String>,
        stderr: String,
    },
}

/// Starts the daemon and waits. Files are opened before anything is cloned; on return, unless it is
/// [`Outcome::Ready`], nothing of the daemon is left.
pub fn launch(orders: &Orders) -> Result<Outcome> {
    let stdout = orders.stdout.open(orders.umask)?;
    let stderr = Stderr::open(&orders.stderr, orders.umask)?;
    let (launcher_end, daemon_end) = link::pair(&orders.settings)?;

    let daemon = {
        let mut plan = Plan::new(&orders.program, &orders.argv, &orders.environment, orders.umask)?;
        plan.must_enter(&orders.cwd)?;
        if let Some(directory) = &orders.directory {
            plan.exec_in(directory)?;
        }
        if let Some(identity) = &orders.identity {
            plan.become_user(identity.clone())?;
        }
        let number = FIRST_FREE + orders.listen.len() as RawFd;
        for prefix in &orders.own_pid {
            plan.own_pid_variable(&format!("{prefix}="))?;
        }
        plan.own_pid_variable(&format!("{MARKER}={number}:{}:", fd::inode(&daemon_end)?))?;
        plan.place_owned(fd::dev_null()?, 0)?;
        plan.place(stdout.number(), 1)?;
        plan.place(stderr.opened.number(), 2)?;
        for (target, &source) in (FIRST_FREE..).zip(&orders.listen) {
            plan.place(source, target)?;
        }
        plan.place_owned(daemon_end, number)?;
        for (target, &source) in (number + 1..).zip(&orders.keep) {
            plan.place(source, target)?;
        }
        // The plan, and with it our copy of the daemon's end, goes now: only then is the daemon's death an end
        // of file.
        spawn::daemon(&mut plan)?
    };

    let _default = DefaultActions::for_each(&INTERRUPTIONS).during("sigaction")?;
    watch(&daemon, &launcher_end, &stderr, orders.timeout)
}

fn watch(daemon: &Daemon, link: &LauncherEnd, stderr: &Stderr, timeout: Option<Duration>) -> Result<Outcome> {
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let mut trouble = None;
    let mut link_open = true;
    loop {
        let late = !wait(daemon, link_open.then_some(link), deadline)?;
        // Looked at before the death, because a daemon that was ready and has ended since was ready.
        while link_open {
            match link.receive() {
                Ok(Some(Message::Ready)) => return Ok(Outcome::Ready { pid: daemon.pid }),
                Ok(Some(Message::Trouble(text))) => trouble = Some(text),
                Ok(None) => link_open = false,
                Err(Error { errno: Errno::EAGAIN, .. }) => break,
                // It died with settings unread.
                Err(Error { errno: Errno::ECONNRESET, .. }) => link_open = false,
                Err(error) => return Err(error),
            }
        }
        if late {
            sys::process::kill_group(daemon.group, Signal::SIGKILL);
            sys::process::wait(daemon.pid).during("waitpid")?;
            return Ok(Outcome::Late { trouble, stderr: stderr.tail() });
        }
        if is_dead(daemon)? {
            let status = sys::process::wait(daemon.pid).during("waitpid")?;
            return Ok(Outcome::Died { status, trouble, stderr: stderr.tail() });
        }
    }
}

/// Sleeps until the daemon says something, dies (true), or the deadline has passed (false).
fn wait(daemon: &Daemon, link: Option<&LauncherEnd>, deadline: Option<Instant>) -> Result<bool> {
    let mut descriptors = vec![PollFd::new(daemon.as_fd(), PollFlags::POLLIN)];
    descriptors.extend(link.map(|link| PollFd::new(link.as_fd(), PollFlags::POLLIN)));
    loop {
        match poll(&mut descriptors, remaining(deadline)) {
            Err(Errno::EINTR) => {}
            result => return result.during("poll").map(|ready| ready > 0),
        }
    }
}

fn is_dead(daemon: &Daemon) -> Result<bool> {
    let mut descriptors = [PollFd::new(daemon.as_fd(), PollFlags::POLLIN)];
    poll(&mut descriptors, PollTimeout::ZERO).during("poll").map(|ready| ready > 0)
}

/// What is left until the deadline, rounded up so that a poll that timed out is past it.
fn remaining(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    let left = deadline.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
    PollTimeout::try_from(left.as_millis()).unwrap_or(PollTimeout::MAX)
}
