use std::time::Duration;

use napi::bindgen_prelude::{Either, External, Uint8Array};
use napi::{Env, Result};
use napi_derive::napi;

use super::bridge::error::{self, OrThrow};
use super::bridge::strings::{to_bytes, to_changed_environment, to_strings};
use super::credentials::Credentials;
use crate::daemon::launcher::{self, LaunchOptions};
use crate::daemon::link::DaemonEnd;
use crate::daemon::output::{self, Output};
use crate::daemon::{FailureReport, StartOutcome};
use crate::sys;
use crate::sys::process::Status;

/// The launch options of daemonize().
///
/// - `argv`, `environment`, `variables`: strings, each with a NUL at its end.
/// - `environment`: the daemon's variables. Absent: the caller's variables.
/// - `without`: names of variables to leave out. `variables`: variables to add.
/// - `stdout`, `stderr`: a path to append to, or a descriptor. Absent: /dev/null.
/// - `ownPid`: names of variables that will have the daemon's pid as their value.
/// - `settings`: JSON for the daemon, which `joinLauncher()` returns there.
/// - `timeout`: milliseconds. Absent: no limit.
/// - `manager`: the service manager's NOTIFY_SOCKET.
#[napi(object, js_name = "LaunchOptions")]
pub struct JsLaunchOptions {
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

/// The outcome of a start.
///
/// - `handedOver`: the pid file belonged to the caller until now.
/// - `introduced`: the service manager knows the daemon. False without a manager, too.
/// - `managerError`: the reason why the manager does not know the daemon. Empty if no process read the message in time.
///   Null if there is no manager, or if the manager knows the daemon.
/// - `pid`: null if another daemon has locked the pid file and its pid is unknown.
/// - `exitCode`, `signal`: both null if the kernel does not report how the daemon ended.
/// - `killed`: false if the caller has no right to signal the late daemon, which lives on.
/// - `error`: the last error that the daemon sent, as JSON.
#[napi(
    object_from_js = false,
    use_nullable = true,
    discriminant = "kind",
    discriminant_case = "kebab-case",
    js_name = "StartOutcome"
)]
pub enum JsStartOutcome {
    Ready { pid: i32, handed_over: bool, introduced: bool, manager_error: Option<String> },
    AlreadyRunning { pid: Option<i32> },
    Died { exit_code: Option<i32>, signal: Option<i32>, error: Option<String>, stderr: String },
    Late { killed: bool, error: Option<String>, stderr: String },
}

/// Starts this program again as a daemon. Returns when the daemon is ready, dead or late.
#[napi(catch_unwind)]
pub fn launch(env: Env, options: JsLaunchOptions) -> Result<JsStartOutcome> {
    launcher::launch(&options.into()).or_throw(&env).map(Into::into)
}

/// The link to the launcher, and the settings that the launcher has sent over it.
#[napi(object, object_from_js = false)]
pub struct Joined {
    pub link: External<Option<DaemonEnd>>,
    pub settings: String,
}

/// Takes over the link to the launcher. From here on the daemon dies with the launcher. Returns null if the descriptor
/// is not the link that the marker names.
#[napi(catch_unwind)]
pub fn join_launcher(env: Env, descriptor: i32, inode: String) -> Result<Option<Joined>> {
    let Ok(inode) = inode.parse() else { return Ok(None) };
    let Some((link, settings)) = DaemonEnd::take_over(descriptor, inode).or_throw(&env)? else {
        return Ok(None);
    };
    link.die_with_launcher().or_throw(&env)?;
    Ok(Some(Joined { link: External::new(Some(link)), settings }))
}

/// Sends the launcher an error that may end the daemon.
#[napi(catch_unwind)]
pub fn send_error_to_launcher(env: Env, link: &External<Option<DaemonEnd>>, text: String) -> Result<()> {
    (**link).as_ref().map_or(Ok(()), |link| link.send_error(&text)).or_throw(&env)
}

/// Tells the launcher that the daemon is ready, and closes the link. `isManaged`: waits until the launcher has told the
/// service manager.
#[napi(catch_unwind)]
pub fn release_launcher(env: Env, link: &mut External<Option<DaemonEnd>>, is_managed: bool) -> Result<()> {
    (**link).as_ref().map_or(Ok(()), |link| link.send_ready(is_managed)).or_throw(&env)?;
    **link = None;
    Ok(())
}

/// Redirects standard error to /dev/null.
#[napi(catch_unwind)]
pub fn discard_stderr(env: Env) -> Result<()> {
    output::discard_stderr().or_throw(&env)
}

/// A standard stream of a daemon, and the path of its log.
#[napi(object)]
pub struct Log {
    pub descriptor: i32,
    pub path: String,
}

/// Reopens logs at their paths.
#[napi(catch_unwind)]
pub fn reopen_logs(env: Env, logs: Vec<Log>, umask: u32) -> Result<()> {
    let logs: Vec<_> = logs.into_iter().map(|log| (log.descriptor, log.path)).collect();
    output::reopen(&logs, umask).or_throw(&env)
}

/// Ends this process by _exit(2), without exit handlers.
#[napi(catch_unwind)]
pub fn exit_now(code: i32) {
    sys::process::exit_now(code)
}

impl From<JsLaunchOptions> for LaunchOptions {
    fn from(options: JsLaunchOptions) -> Self {
        Self {
            program: to_bytes(options.program),
            argv: to_strings(options.argv),
            environment: to_changed_environment(
                options.environment,
                [&options.without, &options.own_pid],
                options.variables,
            ),
            directory: options.directory.map(to_bytes),
            cwd: options.cwd,
            umask: options.umask,
            identity: options.identity.map(Into::into),
            stdout: to_output(options.stdout),
            stderr: to_output(options.stderr),
            pid_file: options.pid_file,
            listen: options.listen,
            keep: options.keep,
            own_pid: options.own_pid,
            settings: options.settings,
            timeout: options.timeout.map(|milliseconds| Duration::from_millis(milliseconds.into())),
            manager: options.manager,
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

impl From<StartOutcome> for JsStartOutcome {
    fn from(outcome: StartOutcome) -> Self {
        match outcome {
            StartOutcome::Ready { pid, handed_over, introduced } => Self::Ready {
                pid,
                handed_over,
                introduced: introduced == Some(Ok(true)),
                manager_error: introduced.and_then(manager_error),
            },
            StartOutcome::AlreadyRunning { pid } => Self::AlreadyRunning { pid },
            StartOutcome::Late { killed, report: FailureReport { error, stderr } } => {
                Self::Late { killed, error, stderr }
            }
            StartOutcome::Died { status, report: FailureReport { error, stderr } } => {
                let (exit_code, signal) = match status {
                    Some(Status::Exited(code)) => (Some(code), None),
                    Some(Status::Killed { signal, .. }) => (None, Some(signal)),
                    None => (None, None),
                };
                Self::Died { exit_code, signal, error, stderr }
            }
        }
    }
}

fn manager_error(introduced: crate::error::Result<bool>) -> Option<String> {
    match introduced {
        Ok(true) => None,
        Ok(false) => Some(String::new()),
        Err(error) => Some(error::message(&error)),
    }
}
