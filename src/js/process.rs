use napi::bindgen_prelude::{Either, Uint8Array};
use napi::{Env, Result};
use napi_derive::napi;

use super::bridge::error::OrThrow;
use super::bridge::strings::{to_bytes, to_environment, to_strings};
use super::bridge::worker_descriptors;
use super::credentials::Credentials;
use super::reactor;
use crate::clone::plan::Job;
use crate::process::spawn::{self, Orders, Stdio};
use crate::reactor::Token;

/// What to start. `argv` and `environment`: strings with a NUL at the end of each. Without `environment` the child gets the
/// caller's. `stdio`: for each of the child's descriptors 'pipe', 'socket', a descriptor of the caller, or nothing for /dev/null.
#[napi(object)]
pub struct ChildOrders {
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

/// A child, by its pid and its token, and the other ends of its pipes.
#[napi(object)]
pub struct Started {
    pub pid: i32,
    pub token: f64,
    pub pipes: Vec<Option<i32>>,
}

/// Starts a child. Returns when its program has begun.
#[napi(catch_unwind)]
pub fn spawn(env: Env, reactor: u32, orders: ChildOrders) -> Result<Started> {
    let spawned = spawn::spawn(orders.into()).or_throw(&env)?;
    let pid = spawned.child.pid;
    let token = reactor::with(reactor, |reactor| Ok(reactor.adopt(spawned.child))).or_throw(&env)?;
    let are_there: Vec<_> = spawned.pipes.iter().map(Option::is_some).collect();
    let mut given =
        worker_descriptors::give(&env, spawned.pipes.into_iter().flatten().collect())?.into_iter();
    let pipes = are_there.into_iter().map(|is_there| if is_there { given.next() } else { None }).collect();
    Ok(Started { pid, token: token as f64, pipes })
}

impl From<ChildOrders> for Orders {
    fn from(orders: ChildOrders) -> Self {
        Self {
            program: to_bytes(orders.program),
            argv: to_strings(orders.argv),
            environment: to_environment(orders.environment),
            cwd: orders.cwd,
            umask: orders.umask,
            identity: orders.identity.map(Into::into),
            stdio: orders.stdio.into_iter().map(to_stdio).collect(),
            job: Job {
                session: orders.session,
                group: orders.process_group,
                controlling_terminal: orders.controlling_terminal,
                foreground: orders.foreground,
            },
            death_signal: orders.parent_death_signal,
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

/// Opens a process: a token for it. `reaps`: whether its end is taken, or only looked at.
#[napi(catch_unwind)]
pub fn open_process(env: Env, reactor: u32, pid: i32, reaps: bool) -> Result<f64> {
    let opened = reactor::with(reactor, |reactor| {
        let token = reactor.token();
        reactor.processes.open(token, pid, reaps).map(|()| token)
    });
    opened.or_throw(&env).map(|token| token as f64)
}

/// False if the process is gone.
#[napi(catch_unwind)]
pub fn signal_process(env: Env, reactor: u32, token: f64, signal: i32) -> Result<bool> {
    reactor::with(reactor, |reactor| reactor.processes.signal(token as Token, signal)).or_throw(&env)
}

/// Whether its number is still its own: it was not reaped.
#[napi(catch_unwind)]
pub fn has_its_number(env: Env, reactor: u32, token: f64) -> Result<bool> {
    reactor::with(reactor, |reactor| Ok(reactor.processes.has_its_number(token as Token))).or_throw(&env)
}

/// Has a turn tell the end of a process.
#[napi(catch_unwind)]
pub fn watch_process(env: Env, reactor: u32, token: f64) -> Result<()> {
    reactor::with(reactor, |reactor| reactor.processes.watch(token as Token)).or_throw(&env)
}

/// Undoes that.
#[napi(catch_unwind)]
pub fn unwatch_process(env: Env, reactor: u32, token: f64) -> Result<()> {
    reactor::with(reactor, |reactor| reactor.processes.unwatch(token as Token)).or_throw(&env)
}

/// Lets go of a process; a child that was spawned is reaped when it ends.
#[napi(catch_unwind)]
pub fn release_process(env: Env, reactor: u32, token: f64) -> Result<()> {
    reactor::with(reactor, |reactor| reactor.processes.release(token as Token)).or_throw(&env)
}
