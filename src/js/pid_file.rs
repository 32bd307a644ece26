use std::time::Duration;

use napi::bindgen_prelude::Object;
use napi::{Env, Result};
use napi_derive::napi;

use super::bridge::error::OrThrow;
use super::bridge::promise;
use crate::daemon::pid_file::held::own_pid;
use crate::daemon::pid_file::status::{self, Status};
use crate::daemon::pid_file::stop::{self, StopOutcome};
use crate::daemon::pid_file::{Locked, PidFile, SETTLE_TIMEOUT, held};

/// The state of a pid file's daemon. A daemon that is being started counts as running.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct DaemonStatus {
    pub running: bool,
    /// Null if no daemon runs, or if its pid is unknown.
    pub pid: Option<i32>,
}

/// Returns the state of the daemon of the pid file at `path`.
#[napi(catch_unwind)]
pub fn daemon_status(env: Env, path: String) -> Result<DaemonStatus> {
    Ok(match status::read(&path).or_throw(&env)? {
        Status::Stopped => DaemonStatus { running: false, pid: None },
        Status::Starting => DaemonStatus { running: true, pid: None },
        Status::Running(pid) => DaemonStatus { running: true, pid },
    })
}

/// The outcome of a stop.
///
/// - `not-running`: no daemon held the pid file.
/// - `unknown`: a process has locked the pid file, but the file does not name that process.
/// - `gone`: the daemon `pid` has ended. `killed`: SIGKILL was necessary.
/// - `late`: the daemon `pid` still runs.
#[napi(
    object_from_js = false,
    discriminant = "kind",
    discriminant_case = "kebab-case",
    js_name = "StopOutcome"
)]
pub enum JsStopOutcome {
    NotRunning,
    Unknown,
    Gone { pid: i32, killed: bool },
    Late { pid: i32 },
}

/// Stops the daemon of the pid file at `path`. Sends SIGKILL after `timeout` milliseconds if `kill` is set.
#[napi(catch_unwind, ts_return_type = "Promise<StopOutcome>")]
pub fn stop_daemon(env: &Env, path: String, signal: i32, timeout: u32, kill: bool) -> Result<Object<'_>> {
    let timeout = Duration::from_millis(timeout.into());
    promise::on_thread(
        env,
        move || stop::stop(&path, signal, timeout, kill),
        |_, outcome| Ok(JsStopOutcome::from(outcome)),
    )
}

impl From<StopOutcome> for JsStopOutcome {
    fn from(outcome: StopOutcome) -> Self {
        match outcome {
            StopOutcome::NotRunning => Self::NotRunning,
            StopOutcome::Unknown => Self::Unknown,
            StopOutcome::Gone { pid, killed } => Self::Gone { pid, killed },
            StopOutcome::Late { pid } => Self::Late { pid },
        }
    }
}

/// Takes over the descriptor through which this process has inherited the lock on the file at `path`. Returns false if
/// the descriptor is not a file, or if another description has locked the file.
#[napi(catch_unwind)]
pub fn inherit_pid_file(env: Env, descriptor: i32, path: String) -> Result<bool> {
    let file = PidFile::adopt_inherited(descriptor, &path).or_throw(&env)?;
    add_to_held(&env, file)
}

/// Takes over the pid file that a predecessor has handed to this process. Returns false, too, if the inode differs, or
/// if this process has taken over a pid file before.
#[napi(catch_unwind)]
pub fn accept_pid_file(env: Env, descriptor: i32, inode: String, path: String) -> Result<bool> {
    let Ok(inode) = inode.parse() else { return Ok(false) };
    let file = PidFile::adopt_handed_over(descriptor, inode, &path).or_throw(&env)?;
    add_to_held(&env, file)
}

fn add_to_held(env: &Env, file: Option<PidFile>) -> Result<bool> {
    let is_ours = file.is_some();
    file.map_or(Ok(()), held::add_inherited).or_throw(env)?;
    Ok(is_ours)
}

/// The outcome of locking a pid file.
///
/// - `taken`: this process has just locked the file.
/// - `held`: this process has held the lock before.
/// - `already-running`: another daemon has locked the file. Its pid, if known.
#[napi(
    object_from_js = false,
    use_nullable = true,
    discriminant = "kind",
    discriminant_case = "kebab-case",
    js_name = "LockOutcome"
)]
pub enum JsLockOutcome {
    Taken,
    Held,
    AlreadyRunning { pid: Option<i32> },
}

/// Locks a pid file for this process and writes its pid. Does not write to a file that this process already holds: one
/// that was handed over names the predecessor until this process is ready.
#[napi(catch_unwind)]
pub fn lock_pid_file(env: Env, path: String) -> Result<JsLockOutcome> {
    Ok(match PidFile::lock(&path, SETTLE_TIMEOUT).or_throw(&env)? {
        Locked::Running(pid) => JsLockOutcome::AlreadyRunning { pid },
        Locked::Starting => JsLockOutcome::AlreadyRunning { pid: None },
        Locked::Held(_) => JsLockOutcome::Held,
        Locked::Taken(claim) => {
            claim.file().map_or(Ok(()), |file| file.write(own_pid())).or_throw(&env)?;
            claim.keep().into_iter().for_each(held::add_own);
            JsLockOutcome::Taken
        }
    })
}

/// Writes `pid` into the pid files of this process: its own pid, or the pid of its daemon.
#[napi(catch_unwind)]
pub fn write_pid_file(env: Env, pid: i32) -> Result<()> {
    held::write(pid).or_throw(&env)
}

/// Gives up the pid files of this process, and removes those that name this process.
#[napi(catch_unwind)]
pub fn release_pid_file(env: Env) -> Result<()> {
    held::release(own_pid()).or_throw(&env)
}
