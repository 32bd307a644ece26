use std::time::Duration;

use napi::bindgen_prelude::Object;
use napi::{Env, Result};
use napi_derive::napi;

use super::bridge::error::OrThrow;
use super::bridge::promise;
use crate::daemon::pid_file::held::own_pid;
use crate::daemon::pid_file::status::{self, Status};
use crate::daemon::pid_file::stop::{self, Stopped};
use crate::daemon::pid_file::{Locked, PATIENCE, PidFile, held};

/// A pid file's state.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct DaemonStatus {
    pub running: bool,
    /// Null where that can't be told.
    pub pid: Option<i32>,
}

#[napi(catch_unwind)]
pub fn daemon_status(env: Env, path: String) -> Result<DaemonStatus> {
    Ok(match status::of(&path).or_throw(&env)? {
        Status::Stopped => DaemonStatus { running: false, pid: None },
        Status::Starting => DaemonStatus { running: true, pid: None },
        Status::Running(pid) => DaemonStatus { running: true, pid },
    })
}

/// How a stop went: nothing runs; or `pid` is gone, killed or not; or it is late; or the file does not say which it is.
#[napi(object, object_from_js = false, use_nullable = true)]
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
    promise::on_thread(
        env,
        move || stop::stop(&path, signal, timeout, kill),
        |_, stopped| Ok(StopOutcome::from(stopped)),
    )
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

/// Takes over the descriptor by which this process has inherited the lock on the file at `path`. False where it is
/// another one.
#[napi(catch_unwind)]
pub fn inherit_pid_file(env: Env, descriptor: i32, path: String) -> Result<bool> {
    let file = PidFile::inherited(descriptor, &path).or_throw(&env)?;
    hold(&env, file)
}

/// The same, where a predecessor has handed it over and nobody here has taken it yet. False, too, where that is not so.
#[napi(catch_unwind)]
pub fn accept_pid_file(env: Env, descriptor: i32, inode: String, path: String) -> Result<bool> {
    let Ok(inode) = inode.parse() else { return Ok(false) };
    let file = PidFile::handed_over(descriptor, inode, &path).or_throw(&env)?;
    hold(&env, file)
}

fn hold(env: &Env, file: Option<PidFile>) -> Result<bool> {
    let is_ours = file.is_some();
    file.map_or(Ok(()), held::add).or_throw(env)?;
    Ok(is_ours)
}

/// A lock on a pid file: taken now, had before, or another process's, with its pid if that is known.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct PidFileLock {
    pub taken: bool,
    pub held: bool,
    pub pid: Option<i32>,
}

/// Locks a pid file for this process and writes it, unless it was handed over: then it names the predecessor until this
/// process is ready.
#[napi(catch_unwind)]
pub fn lock_pid_file(env: Env, path: String) -> Result<PidFileLock> {
    let (taken, held, pid) = match PidFile::lock(&path, PATIENCE).or_throw(&env)? {
        Locked::Running(pid) => (false, false, pid),
        Locked::Starting => (false, false, None),
        Locked::Held(_) => (false, true, None),
        Locked::Taken(claim) => {
            claim.file().map_or(Ok(()), |file| file.write(own_pid())).or_throw(&env)?;
            claim.keep().into_iter().for_each(held::add_own);
            (true, false, None)
        }
    };
    Ok(PidFileLock { taken, held, pid })
}

/// Makes a process, this one or its daemon, the one that this process's pid file names.
#[napi(catch_unwind)]
pub fn write_pid_file(env: Env, pid: i32) -> Result<()> {
    held::write(pid).or_throw(&env)
}

/// Lets go of this process's pid file, and removes it if it is this process that it names.
#[napi(catch_unwind)]
pub fn release_pid_file(env: Env) -> Result<()> {
    held::release(own_pid()).or_throw(&env)
}
