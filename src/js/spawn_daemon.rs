use std::time::Duration;

use napi::bindgen_prelude::{Either, Object, Uint8Array};
use napi::{Env, Result};
use napi_derive::napi;

use super::bridge::error::OrThrow;
use super::bridge::promise;
use super::bridge::strings::{to_bytes, to_changed_environment, to_strings};
use super::credentials::Credentials;
use super::daemonize::{JsStartOutcome, to_output};
use crate::daemon::spawn_daemon::{self, DaemonLaunchOptions, Preparation};

/// The launch options of spawnDaemon().
///
/// - `argv`, `environment`, `variables`: strings, each with a NUL at its end.
/// - `environment`: the daemon's variables. Absent: the caller's variables.
/// - `without`: names of variables to leave out. `variables`: variables to add.
/// - `stdio`: for each of the daemon's descriptors a path to append to, or a descriptor of the caller. Absent:
///   /dev/null.
/// - `ownPid`: names of variables that will have the daemon's pid as their value.
/// - `notifies`: the daemon sends READY=1 when it is ready. Otherwise it is ready once its program has begun.
/// - `timeout`: milliseconds.
/// - `manager`: the service manager's NOTIFY_SOCKET.
#[napi(object, js_name = "DaemonLaunchOptions")]
pub struct JsDaemonLaunchOptions {
    pub program: Either<String, Uint8Array>,
    pub argv: Either<String, Uint8Array>,
    pub environment: Option<Either<String, Uint8Array>>,
    pub without: Vec<String>,
    pub variables: String,
    pub cwd: String,
    pub umask: u32,
    pub identity: Option<Credentials>,
    pub stdio: Vec<Option<Either<i32, String>>>,
    pub listen: Vec<i32>,
    pub own_pid: Vec<String>,
    pub pid_file: Option<String>,
    pub notifies: bool,
    pub timeout: u32,
    pub manager: Option<String>,
}

/// Starts a program as a daemon. Throws if the start can't be prepared. Returns at once if the daemon runs already;
/// otherwise returns a promise of the outcome.
#[napi(catch_unwind, ts_return_type = "StartOutcome | Promise<StartOutcome>")]
pub fn start_daemon(env: &Env, options: JsDaemonLaunchOptions) -> Result<Either<JsStartOutcome, Object<'_>>> {
    let timeout = Duration::from_millis(options.timeout.into());
    match spawn_daemon::prepare(&options.into()).or_throw(env)? {
        Preparation::AlreadyRunning { pid } => Ok(Either::A(JsStartOutcome::AlreadyRunning { pid })),
        Preparation::Prepared(daemon) => {
            let run = move || daemon.run(timeout);
            promise::on_thread(env, run, |_, outcome| Ok(JsStartOutcome::from(outcome))).map(Either::B)
        }
    }
}

impl From<JsDaemonLaunchOptions> for DaemonLaunchOptions {
    fn from(options: JsDaemonLaunchOptions) -> Self {
        Self {
            program: to_bytes(options.program),
            argv: to_strings(options.argv),
            environment: to_changed_environment(
                options.environment,
                [&options.without, &options.own_pid],
                options.variables,
            ),
            cwd: options.cwd,
            umask: options.umask,
            identity: options.identity.map(Into::into),
            stdio: options.stdio.into_iter().map(to_output).collect(),
            listen: options.listen,
            own_pid: options.own_pid,
            pid_file: options.pid_file,
            notifies: options.notifies,
            manager: options.manager,
        }
    }
}
