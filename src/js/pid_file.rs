use std::time::Duration;

use napi::bindgen_prelude::{External, Object};
use napi::{Env, Result};
use napi_derive::napi;

use super::error::OrThrow;
use super::promise;
use crate::daemon::stop::{self, Stopped};
use crate::pid_file::{self, Locked, PidFile, Status};

/// A pid file's state.
#[napi(object)]
pub struct DaemonStatus {
    pub running: bool,
    /// Null where that can't be told.
    pub pid: Option<i32>,
}

#[napi(catch_unwind)]
pub fn daemon_status(env: Env, path: String) -> Result<DaemonStatus> {
    pid_file::status(&path).or_throw(&env).map(|Status { running, pid }| DaemonStatus { running, pid })
}

/// How a stop went: nothing runs; or `pid` is gone, killed or not; or it is late; or the file does not say which it is.
#[napi(object)]
#[derive(Default)]
pub struct StopOutcome {
    pub pid: Option<i32>,
    pub killed: bool,
    pub late: bool,
    pub unknown: bool,
}

#[napi(catch_unwind, ts_return_type = "Promise<StopOutcome>")]
pub fn stop_daemon(env: &Env, path: String, signal: i32, timeout: u32, kill: bool) -> Result<Object<'_>> {
    let timeout = Duration::from_millis(timeout.into());
    promise::on_thread::<StopOutcome, _>(env, move || stop::stop(&path, signal, timeout, kill))
}

impl From<Stopped> for StopOutcome {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::NotRunning => Self::default(),
            Stopped::Unknown => Self { unknown: true, ..Self::default() },
            Stopped::Gone { pid, killed } => Self { pid: Some(pid), killed, ..Self::default() },
            Stopped::Late { pid } => Self { pid: Some(pid), late: true, ..Self::default() },
        }
    }
}

/// A pid file whose lock this process holds, until it is released.
type Own = External<Option<PidFile>>;

/// Takes over the descriptor by which a daemon has inherited its pid file.
#[napi(catch_unwind, ts_return_type = "ExternalObject<PidFile>")]
pub fn inherit_pid_file(env: Env, descriptor: i32, path: String) -> Result<Own> {
    PidFile::inherited(descriptor, &path).or_throw(&env).map(|file| External::new(Some(file)))
}

/// A lock on a pid file: ours, or another process's.
#[napi(object, object_from_js = false)]
pub struct PidFileLock {
    #[napi(ts_type = "ExternalObject<PidFile>")]
    pub file: Option<Own>,
    pub pid: Option<i32>,
}

/// Locks a pid file for this process and writes it, unless the lock was handed over: then who did so will write it.
#[napi(catch_unwind)]
pub fn lock_pid_file(env: Env, path: String) -> Result<PidFileLock> {
    let locked = PidFile::lock(&path).or_throw(&env)?;
    if let (Locked::Taken(_), Some(file)) = (&locked, locked.file()) {
        file.write(own_pid()).or_throw(&env)?;
    }
    let pid = if let Locked::Running(pid) = locked { pid } else { None };
    Ok(PidFileLock { file: locked.into_file().map(|file| External::new(Some(file))), pid })
}

/// Makes this process the one that its pid file names.
#[napi(catch_unwind)]
pub fn write_pid_file(env: Env, file: &Own) -> Result<()> {
    (**file).as_ref().map_or(Ok(()), |file| file.write(own_pid())).or_throw(&env)
}

/// Removes the pid file if it is this process that it names, and lets go of it.
#[napi(catch_unwind)]
pub fn release_pid_file(env: Env, file: &mut Own) -> Result<()> {
    (**file).take().map_or(Ok(()), |file| file.remove(own_pid())).or_throw(&env)
}

fn own_pid() -> i32 {
    std::process::id() as i32
}
