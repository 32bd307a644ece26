//! The launcher: starts a daemon and waits until it is ready, dead or late.

use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::link::{self, LauncherEnd, MARKER, Message, Received};
use super::output::{Opened, Output, Stderr};
use super::{FIRST_FREE, Outcome, Said, died, introduce, late};
use crate::clone::credentials::Identity;
use crate::clone::plan::Plan;
use crate::clone::strings::Strings;
use crate::clone::{self, Daemon, Kinship};
use crate::daemon::pid_file::{Locked, PATIENCE, PidFile};
use crate::descriptor::fd;
use crate::error::{During, Result};
use crate::sys::signal::DefaultActions;
use crate::sys::{poll, process};

/// JavaScript handlers can't run while the launcher waits, so these get their default action.
const INTERRUPTIONS: [Signal; 4] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];

/// What to start, and how.
pub struct Orders {
    pub program: Vec<u8>,
    pub argv: Strings,
    pub environment: Strings,
    /// Where to exec, if not here.
    pub directory: Option<Vec<u8>>,
    /// Where the daemon will go once it runs.
    pub cwd: String,
    pub umask: u32,
    pub identity: Option<Identity>,
    pub stdout: Output,
    pub stderr: Output,
    pub pid_file: Option<String>,
    /// Descriptors that become 3, 4, … (systemd's sockets).
    pub listen: Vec<RawFd>,
    /// Descriptors that follow the link's, and the pid file's, if there is one.
    pub keep: Vec<RawFd>,
    /// Variables that are to hold the daemon's pid.
    pub own_pid: Vec<String>,
    /// Handed to the daemon as it stands.
    pub settings: String,
    pub timeout: Option<Duration>,
    /// The socket of the service manager, which must know the daemon.
    pub manager: Option<String>,
}

/// Starts the daemon and waits. The pid file is locked, and files are opened, before anything is cloned.
pub fn launch(orders: &Orders) -> Result<Outcome> {
    for &descriptor in orders.listen.iter().chain(&orders.keep) {
        fd::require_open(descriptor)?;
    }
    // From before the first wait, for the pid file; and before the clone, lest a signal be lost in between.
    let _default = DefaultActions::for_each(&INTERRUPTIONS).during("sigaction")?;
    let pid_file = match &orders.pid_file {
        None => None,
        Some(path) => match PidFile::lock(path, PATIENCE)? {
            Locked::Running(pid) => return Ok(Outcome::AlreadyRunning { pid }),
            Locked::Starting => return Ok(Outcome::AlreadyRunning { pid: None }),
            locked => Some(locked),
        },
    };
    let outcome = start(orders, pid_file.as_ref())?;
    if let Some(Locked::Taken(claim)) = pid_file
        && outcome.leaves_daemon()
    {
        claim.keep();
    }
    Ok(outcome)
}

fn start(orders: &Orders, pid_file: Option<&Locked>) -> Result<Outcome> {
    let owner = orders.identity.as_ref();
    let mut stdout = orders.stdout.open(orders.umask, owner)?;
    let mut stderr = match orders.stderr.shared([(&orders.stdout, &stdout)]) {
        Some(opened) => Stderr::of(opened),
        None => Stderr::open(&orders.stderr, orders.umask, owner)?,
    };
    let (launcher_end, daemon_end) = link::pair(&orders.settings)?;
    let handed_over = matches!(pid_file, Some(Locked::Held(_)));
    let daemon = {
        let mut plan = plan(orders, &stdout, &stderr, daemon_end, pid_file)?;
        // The plan, and with it our copy of the daemon's end, goes with this block: only then is the daemon's death
        // an end of file.
        clone::twice(&mut plan, Kinship::Kept)?
    };
    // It runs: from here on, the logs are its own.
    stdout.keep();
    stderr.opened.keep();

    let deadline = orders.timeout.map(|timeout| Instant::now() + timeout);
    let outcome = watch(daemon, &launcher_end, &stderr, deadline)?;
    Ok(match outcome {
        Outcome::Ready { pid, .. } => {
            // The link stays open until the manager knows the daemon: the daemon waits for the link's end.
            let told = introduce(orders.manager.as_deref(), pid, "READY=1");
            Outcome::Ready { pid, handed_over, told }
        }
        outcome => outcome,
    })
}

fn plan(
    orders: &Orders,
    stdout: &Opened,
    stderr: &Stderr,
    daemon_end: OwnedFd,
    pid_file: Option<&Locked>,
) -> Result<Plan> {
    let mut plan = Plan::new(&orders.program, orders.argv.clone(), orders.environment.clone())?;
    plan.umask = Some(orders.umask);
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
    let mut first_kept = link + 1;
    if let Some(locked) = pid_file {
        locked.give_to(&mut plan, first_kept)?;
        first_kept += 1;
    }
    for (target, &source) in (first_kept..).zip(&orders.keep) {
        plan.place(source, target)?;
    }
    Ok(plan)
}

/// Makes the daemon a child of init, or of the service manager. systemd watches the process of MAINPID= only if that process
/// is already its child. A launcher that is a subreaper would get the daemon back, so it stops being one.
fn release(daemon: Daemon) -> Result<i32> {
    if process::is_child_subreaper().during("prctl")? {
        process::set_child_subreaper(false).during("prctl")?;
    }
    Ok(daemon.release())
}

fn watch(daemon: Daemon, link: &LauncherEnd, stderr: &Stderr, deadline: Option<Instant>) -> Result<Outcome> {
    let mut trouble = None;
    let mut link_open = true;
    loop {
        let timed_out = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        let watched = [Some(daemon.as_fd()), link_open.then(|| link.as_fd())];
        poll::wait(&watched.into_iter().flatten().collect::<Vec<_>>(), deadline).during("poll")?;
        // Asked before the link is read: a daemon that was ready and has ended since was ready.
        let dead = poll::is_readable(daemon.as_fd()).during("poll")?;
        let mut heard_all = false;
        match if link_open { link.receive()? } else { Received::End } {
            Received::Message(Message::Ready) => {
                return Ok(Outcome::Ready { pid: release(daemon)?, handed_over: false, told: None });
            }
            Received::Message(Message::Trouble(text)) => trouble = Some(text),
            Received::Nothing => heard_all = true,
            Received::End => (heard_all, link_open) = (true, false),
        }
        let said = |trouble| Said { trouble, stderr: stderr.tail() };
        if dead && heard_all {
            return died(daemon, said(trouble));
        }
        if timed_out {
            return late(daemon, said(trouble));
        }
    }
}
