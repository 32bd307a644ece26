use napi::bindgen_prelude::{Either, Uint8Array};
use napi::{Env, Result};
use napi_derive::napi;

use super::bridge::error::OrThrow;
use super::bridge::strings::{to_bytes, to_environment, to_strings};
use super::bridge::worker_descriptors;
use super::credentials::Credentials;
use super::reactor;
use crate::clone::plan::Job;
use crate::process::spawn::{self, LaunchOptions, Stdio};
use crate::reactor::Token;

/// A program, and how to start it as a child. `argv` and `environment`: strings with a NUL at the end of each. Without
/// `environment`, the child gets the environment of the caller. `stdio`: for each descriptor of the child 'pipe', 'socket', a
/// descriptor of the caller, or undefined for /dev/null.
#[napi(object, js_name = "ChildLaunchOptions")]
pub struct JsChildLaunchOptions {
    pub program: Either<String, Uint8Array>,
    pub argv: Either<String, Uint8Array>,
    pub environment: Option<Either<String, Uint8Array>>,
    pub cwd: Option<String>,
    pub umask: Option<u32>,
    pub identity: Option<Credentials>,
    pub stdio: Vec<Option<Either<i32, String>>>,
    pub session: bool,
    pub process_group: Option<i32>,
    pub controlling_terminal: Option<i32>,
    pub foreground: Option<i32>,
    pub parent_death_signal: Option<i32>,
}

/// A child, its token in the reactor, and our ends of its pipes. Each end is at the index of the child's descriptor.
#[napi(object)]
pub struct Started {
    pub pid: i32,
    pub token: f64,
    pub pipes: Vec<Option<i32>>,
}

/// Starts a child. Returns when its program has begun.
#[napi(catch_unwind)]
pub fn spawn(env: Env, reactor: u32, options: JsChildLaunchOptions) -> Result<Started> {
    let spawned = spawn::spawn(options.into()).or_throw(&env)?;
    let pid = spawned.child.pid;
    let token = reactor::with(reactor, |reactor| Ok(reactor.adopt(spawned.child))).or_throw(&env)?;
    let has_pipe: Vec<_> = spawned.pipes.iter().map(Option::is_some).collect();
    let mut given =
        worker_descriptors::give(&env, spawned.pipes.into_iter().flatten().collect())?.into_iter();
    let pipes = has_pipe.into_iter().map(|has_pipe| if has_pipe { given.next() } else { None }).collect();
    Ok(Started { pid, token: token as f64, pipes })
}

impl From<JsChildLaunchOptions> for LaunchOptions {
    fn from(options: JsChildLaunchOptions) -> Self {
        Self {
            program: to_bytes(options.program),
            argv: to_strings(options.argv),
            environment: to_environment(options.environment),
            cwd: options.cwd,
            umask: options.umask,
            identity: options.identity.map(Into::into),
            stdio: options.stdio.into_iter().map(to_stdio).collect(),
            job: Job {
                session: options.session,
                group: options.process_group,
                controlling_terminal: options.controlling_terminal,
                foreground: options.foreground,
            },
            death_signal: options.parent_death_signal,
        }
    }
}

fn to_stdio(given: Option<Either<i32, String>>) -> Stdio {
    match given {
        None => Stdio::Ignore,
        Some(Either::A(number)) => Stdio::Descriptor(number),
        Some(Either::B(kind)) if kind == "socket" => Stdio::Socket,
        Some(Either::B(_)) => Stdio::Pipe,
    }
}

/// Opens a process. Returns its token in the reactor. `reaps`: reap the process at its end, or only observe the end.
#[napi(catch_unwind)]
pub fn open_process(env: Env, reactor: u32, pid: i32, reaps: bool) -> Result<f64> {
    let opened = reactor::with(reactor, |reactor| {
        let token = reactor.token();
        reactor.processes.open(token, pid, reaps).map(|()| token)
    });
    opened.or_throw(&env).map(|token| token as f64)
}

/// Sends a signal to a process. Returns false if the process is gone.
#[napi(catch_unwind)]
pub fn signal_process(env: Env, reactor: u32, token: f64, signal: i32) -> Result<bool> {
    reactor::with(reactor, |reactor| reactor.processes.signal(token as Token, signal)).or_throw(&env)
}

/// Returns true until the process is reaped. The kernel gives the pid to no other process before.
#[napi(catch_unwind)]
pub fn has_its_number(env: Env, reactor: u32, token: f64) -> Result<bool> {
    reactor::with(reactor, |reactor| Ok(reactor.processes.has_its_number(token as Token))).or_throw(&env)
}

/// Watches a process: the first turn after its end reports the end.
#[napi(catch_unwind)]
pub fn watch_process(env: Env, reactor: u32, token: f64) -> Result<()> {
    reactor::with(reactor, |reactor| reactor.processes.watch(token as Token)).or_throw(&env)
}

/// Undoes `watch_process`.
#[napi(catch_unwind)]
pub fn unwatch_process(env: Env, reactor: u32, token: f64) -> Result<()> {
    reactor::with(reactor, |reactor| reactor.processes.unwatch(token as Token)).or_throw(&env)
}

/// Closes a process. The reactor reaps a spawned child when the child ends.
#[napi(catch_unwind)]
pub fn release_process(env: Env, reactor: u32, token: f64) -> Result<()> {
    reactor::with(reactor, |reactor| reactor.processes.release(token as Token)).or_throw(&env)
}
