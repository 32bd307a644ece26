use std::cell::RefCell;
use std::rc::Rc;

use napi::bindgen_prelude::{External, retain_current_module_for_unload_safety};
use napi::{Env, Result};
use napi_derive::napi;
use nix::errno::Errno;

use super::error::OrThrow;
use super::event_loop::{self, OnReadable};
use super::wait::WaitStatus;
use crate::error::{self, Error};
use crate::reactor::{Reactor, Token, Waker};
use crate::session;

/// A reactor, until its environment ends.
pub struct Instance {
    open: RefCell<Option<Open>>,
}

struct Open {
    reactor: Reactor,
    waker: Box<dyn Waker>,
}

/// Opens a reactor. `onReadable` is called, on the event loop, when there is something for `turn`.
#[napi(catch_unwind)]
pub fn open_reactor(env: Env, on_readable: OnReadable<'_>) -> Result<External<Rc<Instance>>> {
    // A thread of a reactor's may outlive the environment, and with it the last one to have loaded this library.
    retain_current_module_for_unload_safety();
    let reactor = Reactor::new().or_throw(&env)?;
    let waker = event_loop::watch(env, &reactor, &on_readable)?;
    let instance = Rc::new(Instance { open: RefCell::new(Some(Open { reactor, waker })) });
    let ending = Rc::clone(&instance);
    event_loop::at_end(env, move |done| match ending.open.take() {
        // After the waker has let go of the set.
        Some(Open { waker, reactor }) => waker.close(Box::new(move || {
            if !session::is_main_thread() {
                // Without a thread they are orphans; there is nobody left to tell.
                let _ = reactor.outlive();
            }
            done();
        })),
        None => done(),
    })?;
    Ok(External::new(instance))
}

impl Instance {
    pub fn with<T>(&self, work: impl FnOnce(&mut Reactor) -> error::Result<T>) -> error::Result<T> {
        match self.open.borrow_mut().as_mut() {
            Some(open) => work(&mut open.reactor),
            // No JavaScript runs any more.
            None => Err(Error { syscall: "epoll_ctl", errno: Errno::EBADF, path: None }),
        }
    }
}

/// Whether it keeps the event loop alive.
#[napi(catch_unwind)]
pub fn keep_alive(reactor: &External<Rc<Instance>>, yes: bool) {
    if let Some(open) = reactor.open.borrow_mut().as_mut() {
        open.waker.keep_alive(yes);
    }
}

/// The end of the process of a token, which means nothing from now on.
#[napi(object, object_from_js = false)]
pub struct Ended {
    pub token: f64,
    pub status: WaitStatus,
}

/// Processes that have ended. Waits for nothing.
#[napi(catch_unwind)]
pub fn turn(env: Env, reactor: &External<Rc<Instance>>) -> Result<Vec<Ended>> {
    let endings = reactor.with(Reactor::turn);
    if let Some(open) = reactor.open.borrow().as_ref() {
        open.waker.turned();
    }
    Ok(endings
        .or_throw(&env)?
        .into_iter()
        .map(|(token, ending)| Ended { token: token as f64, status: ending.into() })
        .collect())
}

/// Opens a process: a token for it. `reaps`: whether its end is taken, or only looked at.
#[napi(catch_unwind)]
pub fn open_process(env: Env, reactor: &External<Rc<Instance>>, pid: i32, reaps: bool) -> Result<f64> {
    reactor.with(|reactor| reactor.open(pid, reaps)).or_throw(&env).map(|token| token as f64)
}

/// False if the process is gone.
#[napi(catch_unwind)]
pub fn signal_process(env: Env, reactor: &External<Rc<Instance>>, token: f64, signal: i32) -> Result<bool> {
    reactor.with(|reactor| reactor.signal(token as Token, signal)).or_throw(&env)
}

/// Has a turn tell the end of a process.
#[napi(catch_unwind)]
pub fn watch_process(env: Env, reactor: &External<Rc<Instance>>, token: f64) -> Result<()> {
    reactor.with(|reactor| reactor.watch(token as Token)).or_throw(&env)
}

/// Undoes that.
#[napi(catch_unwind)]
pub fn unwatch_process(env: Env, reactor: &External<Rc<Instance>>, token: f64) -> Result<()> {
    reactor.with(|reactor| reactor.unwatch(token as Token)).or_throw(&env)
}

/// Lets go of a process; a child that was spawned is reaped when it ends.
#[napi(catch_unwind)]
pub fn release_process(env: Env, reactor: &External<Rc<Instance>>, token: f64) -> Result<()> {
    reactor.with(|reactor| reactor.release(token as Token)).or_throw(&env)
}
