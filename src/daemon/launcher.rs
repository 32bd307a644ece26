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
use crate::daemon::pid_file::{Locked, PidFile, SETTLE_TIMEOUT};
use crate::descriptor::fd;
use crate::error::{During, Result};
use crate::sys::signal::DefaultActions;
use crate::sys::{poll, process};

/// JavaScript handlers can't run while the launcher waits, so these get their default action.
const INTERRUPTIONS: [Signal; 4] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];

/// The launch options of daemonize().
pub struct LaunchOptions {
    pub program: Vec<u8>,
    pub argv: Strings,
    pub environment: Strings,
    /// The directory to exec in. None: the current directory of the launcher.
    pub directory: Option<Vec<u8>>,
    /// The directory that the daemon enters once its program runs.
    pub cwd: String,
    pub umask: u32,
    pub identity: Option<Identity>,
    pub stdout: Output,
    pub stderr: Output,
    pub pid_file: Option<String>,
    /// systemd's sockets, which become the daemon's descriptors 3, 4, …
    pub listen: Vec<RawFd>,
    /// Descriptors of `options.keep`. They follow the link, and the pid file if there is one.
    pub keep: Vec<RawFd>,
    /// Names of variables that will have the daemon's pid as their value.
    pub own_pid: Vec<String>,
    /// JSON that the launcher sends to the daemon unchanged.
    pub settings: String,
    /// None: the launcher waits without a limit.
    pub timeout: Option<Duration>,
    /// The NOTIFY_SOCKET of the service manager, which must learn the daemon's pid.
    pub manager: Option<String>,
}

/// Starts the daemon and waits until it is ready, dead or late. Locks the pid file and opens the files before the
/// clone.
pub fn launch(options: &LaunchOptions) -> Result<StartOutcome> {
    for &descriptor in options.listen.iter().chain(&options.keep) {
        fd::require_open(descriptor)?;
    }
    // Set before the first wait, which is for the pid file. Set before the clone, so that no signal is lost after it.
    let _default_actions = DefaultActions::for_each(&INTERRUPTIONS).during("sigaction")?;
    let pid_file = match &options.pid_file {
        None => None,
        Some(path) => match PidFile::lock(path, SETTLE_TIMEOUT)? {
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
    let (launcher_end, daemon_end) = link::create_pair(&options.settings)?;
    let handed_over = matches!(pid_file, Some(Locked::Held(_)));
    let daemon = {
        let mut plan = build_plan(options, &stdout, &stderr, daemon_end, pid_file)?;
        // The end of this block drops the plan and our copy of the daemon's end of the link. Only then does the link
        // report an end of file when the daemon dies.
        clone::twice(&mut plan, Kinship::Kept)?
    };
    // The daemon runs, so its logs stay.
    stdout.keep();
    stderr.opened.keep();

    let deadline = options.timeout.map(|timeout| Instant::now() + timeout);
    let outcome = watch(daemon, &launcher_end, &stderr, deadline)?;
    Ok(match outcome {
        StartOutcome::Ready { pid, .. } => {
            // Keep the link open until the manager knows the daemon, because the daemon waits for the end of the link.
            let introduced = introduce(options.manager.as_deref(), pid, "READY=1");
            StartOutcome::Ready { pid, handed_over, introduced }
        }
        outcome => outcome,
    })
}

fn build_plan(
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

/// Releases the daemon, so that it becomes a child of init or of the service manager. systemd watches the process of
/// MAINPID= only if that process is already its child. A launcher that is a child subreaper stops being one, because
/// the kernel would otherwise make the daemon its child.
fn release(daemon: Daemon) -> Result<i32> {
    if process::is_child_subreaper().during("prctl")? {
        process::set_child_subreaper(false).during("prctl")?;
    }
    Ok(daemon.release())
}

/// Waits until the daemon is ready, dead or late.
fn watch(
    daemon: Daemon,
    link: &LauncherEnd,
    stderr: &Stderr,
    deadline: Option<Instant>,
) -> Result<StartOutcome> {
    let mut error = None;
    let mut is_link_open = true;
    loop {
        let is_late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        let watched = [Some(daemon.as_fd()), is_link_open.then(|| link.as_fd())];
        poll::wait(&watched.into_iter().flatten().collect::<Vec<_>>(), deadline).during("poll")?;
        // Check for death before reading the link:
        // 1. The daemon sends that it is ready, and ends.
        // 2. The launcher sees the death here, and then reads the message: the daemon was ready.
        // In the other order, the message could arrive after the read and before the death is seen.
        let dead = poll::is_readable(daemon.as_fd()).during("poll")?;
        let mut has_read_all = false;
        match if is_link_open { link.receive()? } else { Received::End } {
            Received::Message(Message::Ready) => {
                return Ok(StartOutcome::Ready {
                    pid: release(daemon)?,
                    handed_over: false,
                    introduced: None,
                });
            }
            Received::Message(Message::Error(text)) => error = Some(text),
            Received::Nothing => has_read_all = true,
            Received::End => (has_read_all, is_link_open) = (true, false),
        }
        let report = |error| FailureReport { error, stderr: stderr.tail() };
        if dead && has_read_all {
            return reap_dead(daemon, report(error));
        }
        if is_late {
            return end_late(daemon, report(error));
        }
    }
}
