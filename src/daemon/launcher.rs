//! The launcher: starts a daemon and waits until it is ready, dead or late.

use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::link::{self, LauncherEnd, MARKER, Message, Received};
use super::output::{Opened, Output, Stderr};
use super::{FIRST_FREE, FailureReport, StartOutcome, end_late, introduce, reap_dead};
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
pub struct LaunchOptions {
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
pub fn launch(options: &LaunchOptions) -> Result<StartOutcome> {
    for &descriptor in options.listen.iter().chain(&options.keep) {
        fd::require_open(descriptor)?;
    }
    // From before the first wait, for the pid file; and before the clone, lest a signal be lost in between.
    let _default = DefaultActions::for_each(&INTERRUPTIONS).during("sigaction")?;
    let pid_file = match &options.pid_file {
        None => None,
        Some(path) => match PidFile::lock(path, PATIENCE)? {
            Locked::Running(pid) => return Ok(StartOutcome::AlreadyRunning { pid }),
            Locked::Starting => return Ok(StartOutcome::AlreadyRunning { pid: None }),
            locked => Some(locked),
        },
    };
    let outcome = start(options, pid_file.as_ref())?;
    if let Some(Locked::Taken(claim)) = pid_file
        && outcome.leaves_daemon()
    {
        claim.keep();
    }
    Ok(outcome)
}

fn start(options: &LaunchOptions, pid_file: Option<&Locked>) -> Result<StartOutcome> {
    let owner = options.identity.as_ref();
    let mut stdout = options.stdout.open(options.umask, owner)?;
    let mut stderr = match options.stderr.shared([(&options.stdout, &stdout)]) {
        Some(opened) => Stderr::of(opened),
        None => Stderr::open(&options.stderr, options.umask, owner)?,
    };
    let (launcher_end, daemon_end) = link::pair(&options.settings)?;
    let handed_over = matches!(pid_file, Some(Locked::Held(_)));
    let daemon = {
        let mut plan = plan(options, &stdout, &stderr, daemon_end, pid_file)?;
        // The plan, and with it our copy of the daemon's end, goes with this block: only then is the daemon's death
        // an end of file.
        clone::twice(&mut plan, Kinship::Kept)?
    };
    // It runs: from here on, the logs are its own.
    stdout.keep();
    stderr.opened.keep();

    let deadline = options.timeout.map(|timeout| Instant::now() + timeout);
    let outcome = watch(daemon, &launcher_end, &stderr, deadline)?;
    Ok(match outcome {
        StartOutcome::Ready { pid, .. } => {
            // The link stays open until the manager knows the daemon: the daemon waits for the link's end.
            let introduced = introduce(options.manager.as_deref(), pid, "READY=1");
            StartOutcome::Ready { pid, handed_over, introduced }
        }
        outcome => outcome,
    })
}

fn plan(
    options: &LaunchOptions,
    stdout: &Opened,
    stderr: &Stderr,
    daemon_end: OwnedFd,
    pid_file: Option<&Locked>,
) -> Result<Plan> {
    let mut plan = Plan::new(&options.program, options.argv.clone(), options.environment.clone())?;
    plan.umask = Some(options.umask);
    plan.must_enter(&options.cwd)?;
    if let Some(directory) = &options.directory {
        plan.exec_in(directory)?;
    }
    if let Some(identity) = &options.identity {
        plan.become_user(identity.clone())?;
    }
    let link = FIRST_FREE + options.listen.len() as RawFd;
    for name in &options.own_pid {
        plan.own_pid_variable(&format!("{name}="))?;
    }
    plan.own_pid_variable(&format!("{MARKER}={link}:{}:", fd::inode(&daemon_end)?))?;
    plan.place_owned(fd::dev_null()?, 0)?;
    plan.place(stdout.number(), 1)?;
    plan.place(stderr.opened.number(), 2)?;
    for (target, &source) in (FIRST_FREE..).zip(&options.listen) {
        plan.place(source, target)?;
    }
    plan.place_owned(daemon_end, link)?;
    let mut first_kept = link + 1;
    if let Some(locked) = pid_file {
        locked.give_to(&mut plan, first_kept)?;
        first_kept += 1;
    }
    for (target, &source) in (first_kept..).zip(&options.keep) {
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

fn watch(
    daemon: Daemon,
    link: &LauncherEnd,
    stderr: &Stderr,
    deadline: Option<Instant>,
) -> Result<StartOutcome> {
    let mut error = None;
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
                return Ok(StartOutcome::Ready {
                    pid: release(daemon)?,
                    handed_over: false,
                    introduced: None,
                });
            }
            Received::Message(Message::Error(text)) => error = Some(text),
            Received::Nothing => heard_all = true,
            Received::End => (heard_all, link_open) = (true, false),
        }
        let report = |error| FailureReport { error, stderr: stderr.tail() };
        if dead && heard_all {
            return reap_dead(daemon, report(error));
        }
        if timed_out {
            return end_late(daemon, report(error));
        }
    }
}
