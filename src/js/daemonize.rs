use std::time::Duration;

use napi::bindgen_prelude::{Either, External, Uint8Array};
use napi::{Env, Result};
use napi_derive::napi;

use super::bridge::error::{self, OrThrow};
use super::bridge::strings::{to_bytes, to_changed_environment, to_strings};
use super::credentials::Credentials;
use crate::daemon::launcher::{self, Orders};
use crate::daemon::link::DaemonEnd;
use crate::daemon::output::{self, Output};
use crate::daemon::{Outcome, Said};
use crate::sys;
use crate::sys::process::Status;

/// What to start. `argv`, `environment` and `variables`: strings with a NUL at the end of each. Without `environment` the daemon
/// gets the caller's. `without`: names of variables to leave out. `variables`: variables to add. `stdout` and `stderr`: a path to
/// append to, a descriptor, or absent for /dev/null.
#[napi(object)]
pub struct LaunchOrders {
    pub program: Either<String, Uint8Array>,
    pub argv: Either<String, Uint8Array>,
    pub environment: Option<Either<String, Uint8Array>>,
    pub without: Vec<String>,
    pub variables: String,
    pub directory: Option<Either<String, Uint8Array>>,
    pub cwd: String,
    pub umask: u32,
    pub identity: Option<Credentials>,
    pub stdout: Option<Either<i32, String>>,
    pub stderr: Option<Either<i32, String>>,
    pub pid_file: Option<String>,
    pub listen: Vec<i32>,
    pub keep: Vec<i32>,
    pub own_pid: Vec<String>,
    pub settings: String,
    pub timeout: Option<u32>,
    pub manager: Option<String>,
}

/// How a start went. `ready`: the daemon is ready, with `pid`. `handedOver`: it has taken the caller's place. Otherwise another
/// daemon is running, with its pid if known; or the daemon is dead, with `exitCode` or `signal` if known; or it is late, and was
/// killed or not. `heard`: the service manager knows the daemon. `unheard`: why not, or empty if the manager did not answer.
#[napi(object, object_from_js = false, use_nullable = true)]
#[derive(Default)]
pub struct StartOutcome {
    pub ready: bool,
    pub handed_over: bool,
    pub heard: bool,
    pub unheard: Option<String>,
    pub already_running: bool,
    pub late: bool,
    pub killed: bool,
    pub pid: Option<i32>,
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    pub trouble: Option<String>,
    pub stderr: Option<String>,
}

/// Starts a daemon; returns when it is ready, dead or late.
#[napi(catch_unwind)]
pub fn launch(env: Env, orders: LaunchOrders) -> Result<StartOutcome> {
    launcher::launch(&orders.into()).or_throw(&env).map(Into::into)
}

/// What a daemon finds when it joins its launcher.
#[napi(object, object_from_js = false)]
pub struct Joined {
    pub link: External<Option<DaemonEnd>>,
    pub settings: String,
}

/// Null where the descriptor is not the link that the marker speaks of.
#[napi(catch_unwind)]
pub fn join_launcher(env: Env, descriptor: i32, inode: String) -> Result<Option<Joined>> {
    let Ok(inode) = inode.parse() else { return Ok(None) };
    let Some((link, settings)) = DaemonEnd::take_over(descriptor, inode).or_throw(&env)? else {
        return Ok(None);
    };
    link.die_with_launcher().or_throw(&env)?;
    Ok(Some(Joined { link: External::new(Some(link)), settings }))
}

/// Tells the launcher of an error that may end the daemon.
#[napi(catch_unwind)]
pub fn tell_launcher(env: Env, link: &External<Option<DaemonEnd>>, text: String) -> Result<()> {
    (**link).as_ref().map_or(Ok(()), |link| link.tell(&text)).or_throw(&env)
}

/// Releases the launcher and closes the link. `isManaged`: wait until the launcher has told the service manager.
#[napi(catch_unwind)]
pub fn release_launcher(env: Env, link: &mut External<Option<DaemonEnd>>, is_managed: bool) -> Result<()> {
    (**link).as_ref().map_or(Ok(()), |link| link.ready(is_managed)).or_throw(&env)?;
    **link = None;
    Ok(())
}

/// Turns standard error to /dev/null.
#[napi(catch_unwind)]
pub fn discard_stderr(env: Env) -> Result<()> {
    output::discard_stderr().or_throw(&env)
}

/// A standard stream of a daemon's, and the file that it goes to.
#[napi(object)]
pub struct Log {
    pub descriptor: i32,
    pub path: String,
}

/// Opens log files anew.
#[napi(catch_unwind)]
pub fn reopen_logs(env: Env, logs: Vec<Log>, umask: u32) -> Result<()> {
    let logs: Vec<_> = logs.into_iter().map(|log| (log.descriptor, log.path)).collect();
    output::reopen(&logs, umask).or_throw(&env)
}

/// _exit(2)
#[napi(catch_unwind)]
pub fn exit_now(code: i32) {
    sys::process::exit_now(code)
}

impl From<LaunchOrders> for Orders {
    fn from(orders: LaunchOrders) -> Self {
        Self {
            program: to_bytes(orders.program),
            argv: to_strings(orders.argv),
            environment: to_changed_environment(
                orders.environment,
                [&orders.without, &orders.own_pid],
                orders.variables,
            ),
            directory: orders.directory.map(to_bytes),
            cwd: orders.cwd,
            umask: orders.umask,
            identity: orders.identity.map(Into::into),
            stdout: to_output(orders.stdout),
            stderr: to_output(orders.stderr),
            pid_file: orders.pid_file,
            listen: orders.listen,
            keep: orders.keep,
            own_pid: orders.own_pid,
            settings: orders.settings,
            timeout: orders.timeout.map(|milliseconds| Duration::from_millis(milliseconds.into())),
            manager: orders.manager,
        }
    }
}

pub(super) fn to_output(given: Option<Either<i32, String>>) -> Output {
    match given {
        None => Output::Ignore,
        Some(Either::A(number)) => Output::Descriptor(number),
        Some(Either::B(path)) => Output::File(path),
    }
}

impl From<Outcome> for StartOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Ready { pid, handed_over, told } => {
                let unheard = match &told {
                    None | Some(Ok(true)) => None,
                    Some(Ok(false)) => Some(String::new()),
                    Some(Err(error)) => Some(error::message(error)),
                };
                let heard = told == Some(Ok(true));
                Self { ready: true, handed_over, heard, unheard, pid: Some(pid), ..Self::default() }
            }
            Outcome::AlreadyRunning { pid } => Self { already_running: true, pid, ..Self::default() },
            Outcome::Late { killed, said } => Self { late: true, killed, ..Self::from(said) },
            Outcome::Died { status, said } => {
                let (exit_code, signal) = match status {
                    Some(Status::Exited(code)) => (Some(code), None),
                    Some(Status::Killed { signal, .. }) => (None, Some(signal)),
                    None => (None, None),
                };
                Self { exit_code, signal, ..Self::from(said) }
            }
        }
    }
}

impl From<Said> for StartOutcome {
    fn from(said: Said) -> Self {
        Self { trouble: said.trouble, stderr: Some(said.stderr), ..Self::default() }
    }
}
