//! The launcher: starts a daemon and waits until it is ready, dead or late.

use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::link::{self, LauncherEnd, MARKER, Message, Received};
use super::output::{Opened, Output, Stderr};
use crate::error::{During, Result};
use crate::fd;
use crate::identity::Identity;
use crate::plan::Plan;
use crate::spawn::{self, Daemon};
use crate::sys::poll;
use crate::sys::process::Status;
use crate::sys::signal::DefaultActions;

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
        said: Said,
    },
    /// Too late, and killed, unless it runs as somebody whom we may not signal.
    Late {
        killed: bool,
        said: Said,
    },
}

/// What a daemon that did not become ready has left to read.
pub struct Said {
    /// The error that it met last.
    pub trouble: Option<String>,
    pub stderr: String,
}

/// Starts the daemon and waits. Files are opened before anything is cloned; on return, unless it is
/// [`Outcome::Ready`], nothing of the daemon is left.
pub fn launch(orders: &Orders) -> Result<Outcome> {
    for &descriptor in orders.listen.iter().chain(&orders.keep) {
        fd::require_open(descriptor)?;
    }
    let mut stdout = orders.stdout.open(orders.umask)?;
    let mut stderr = Stderr::open(&orders.stderr, orders.umask)?;
    let (launcher_end, daemon_end) = link::pair(&orders.settings)?;

    // From before the clone, lest a signal be lost in between.
    let _default = DefaultActions::for_each(&INTERRUPTIONS).during("sigaction")?;
    let daemon = {
        let mut plan = plan(orders, &stdout, &stderr, daemon_end)?;
        // The plan, and with it our copy of the daemon's end, goes with this block: only then is the daemon's death
        // an end of file.
        spawn::daemon(&mut plan)?
    };
    // It runs: from here on, the logs are its own.
    stdout.keep();
    stderr.opened.keep();

    let deadline = orders.timeout.map(|timeout| Instant::now() + timeout);
    watch(daemon, &launcher_end, &stderr, deadline)
}

fn plan(orders: &Orders, stdout: &Opened, stderr: &Stderr, daemon_end: OwnedFd) -> Result<Plan> {
    let mut plan = Plan::new(&orders.program, &orders.argv, &orders.environment, orders.umask)?;
    plan.must_enter(&orders.cwd)?;
    if let Some(directory) = &orders.directory {
        plan.exec_in(directory)?;
    }
    if let Some(identity) = &orders.identity {
        plan.become_user(identity.clone())?;
    }
    let link = FIRST_FREE + orders.listen.len() as RawFd;
    for name in &orders.own_pid {
        plan.own_pid_variable(&format!("{name}="))?;
    }
    plan.own_pid_variable(&format!("{MARKER}={link}:{}:", fd::inode(&daemon_end)?))?;
    plan.place_owned(fd::dev_null()?, 0)?;
    plan.place(stdout.number(), 1)?;
    plan.place(stderr.opened.number(), 2)?;
    for (target, &source) in (FIRST_FREE..).zip(&orders.listen) {
        plan.place(source, target)?;
    }
    plan.place_owned(daemon_end, link)?;
    for (target, &source) in (link + 1..).zip(&orders.keep) {
        plan.place(source, target)?;
    }
    Ok(plan)
}

fn watch(daemon: Daemon, link: &LauncherEnd, stderr: &Stderr, deadline: Option<Instant>) -> Result<Outcome> {
    let mut trouble = None;
    let mut link_open = true;
    loop {
        let watched = [Some(daemon.as_fd()), link_open.then(|| link.as_fd())];
        let late =
            !poll::wait(&watched.into_iter().flatten().collect::<Vec<_>>(), deadline).during("poll")?;
        // Asked before the link is read: a daemon that was ready and has ended since was ready.
        let dead = poll::is_readable(daemon.as_fd()).during("poll")?;
        while link_open {
            match link.receive()? {
                Received::Message(Message::Ready) => return Ok(Outcome::Ready { pid: daemon.release() }),
                Received::Message(Message::Trouble(text)) => trouble = Some(text),
                Received::Nothing => break,
                Received::End => link_open = false,
            }
        }
        let said = |trouble| Said { trouble, stderr: stderr.tail() };
        if dead {
            // What it has started goes with it.
            daemon.kill_group();
            return Ok(Outcome::Died { status: daemon.reap()?, said: said(trouble) });
        }
        if late {
            let killed = daemon.kill().is_ok();
            if killed {
                daemon.reap()?;
            } else {
                daemon.release();
            }
            return Ok(Outcome::Late { killed, said: said(trouble) });
        }
    }
}
