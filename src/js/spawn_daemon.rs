use std::time::Duration;

use napi::bindgen_prelude::{Either, Object, Uint8Array};
use napi::{Env, Result};
use napi_derive::napi;

use super::bridge::error::OrThrow;
use super::bridge::promise;
use super::bridge::strings::{to_bytes, to_changed_environment, to_strings};
use super::credentials::Credentials;
use super::daemonize::{StartOutcome, to_output};
use crate::daemon::Outcome;
use crate::daemon::spawn_daemon::{self, Orders, Started};

/// What to start. `argv`, `environment` and `variables`: strings with a NUL at the end of each. Without `environment` the daemon
/// gets the caller's. `without`: names of variables to leave out. `variables`: variables to add. `stdio`: for each of the daemon's
/// descriptors a value like `stdout` of LaunchOrders.
#[napi(object)]
pub struct DaemonOrders {
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

/// Starts a program as a daemon. What can't be prepared is thrown; how it went then, is promised.
#[napi(catch_unwind, ts_return_type = "StartOutcome | Promise<StartOutcome>")]
pub fn start_daemon(env: &Env, orders: DaemonOrders) -> Result<Either<StartOutcome, Object<'_>>> {
    let timeout = Duration::from_millis(orders.timeout.into());
    match spawn_daemon::prepare(&orders.into()).or_throw(env)? {
        Started::AlreadyRunning { pid } => Ok(Either::A(Outcome::AlreadyRunning { pid }.into())),
        Started::Prepared(daemon) => {
            let run = move || daemon.run(timeout);
            promise::on_thread(env, run, |_, outcome| Ok(StartOutcome::from(outcome))).map(Either::B)
        }
    }
}

impl From<DaemonOrders> for Orders {
    fn from(orders: DaemonOrders) -> Self {
        Self {
            program: to_bytes(orders.program),
            argv: to_strings(orders.argv),
            environment: to_changed_environment(
                orders.environment,
                [&orders.without, &orders.own_pid],
                orders.variables,
            ),
            cwd: orders.cwd,
            umask: orders.umask,
            identity: orders.identity.map(Into::into),
            stdio: orders.stdio.into_iter().map(to_output).collect(),
            listen: orders.listen,
            own_pid: orders.own_pid,
            pid_file: orders.pid_file,
            notifies: orders.notifies,
            manager: orders.manager,
        }
    }
}
