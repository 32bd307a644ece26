use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use napi::bindgen_prelude::retain_current_module_for_unload_safety;
use napi::{Env, Result};
use napi_derive::napi;
use nix::errno::Errno;

use super::error::OrThrow;
use super::event_loop::{self, OnReadable};
use super::wait::WaitStatus;
use crate::error::{self, Error};
use crate::reactor::{Reactor, Turn, Waker};
use crate::session;

thread_local! {
    /// The reactors of this thread's environment, by the numbers that JavaScript knows them by: a pointer in its hands
    /// could outlive what it points to. As a rule there is one; a module that is loaded again opens another.
    static OPEN: RefCell<BTreeMap<u32, Open>> = const { RefCell::new(BTreeMap::new()) };
}

static NEXT: AtomicU32 = AtomicU32::new(0);

struct Open {
    reactor: Reactor,
    waker: Box<dyn Waker>,
}

/// Opens a reactor. `onReadable` is called, on the event loop, when there is something for `turn`.
#[napi(catch_unwind)]
pub fn open_reactor(env: Env, on_readable: OnReadable<'_>) -> Result<u32> {
    // A thread of a reactor's may outlive the environment, and with it the last one to have loaded this library.
    retain_current_module_for_unload_safety();
    let reactor = Reactor::new().or_throw(&env)?;
    let waker = event_loop::watch(env, &reactor, &on_readable)?;
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    OPEN.with_borrow_mut(|open| open.insert(number, Open { reactor, waker }));
    event_loop::at_end(env, move |done| match take_out(number) {
        // After the waker has let go of the set.
        Some(Open { waker, reactor }) => waker.close(Box::new(move || {
            if !session::is_main_thread() {
                // Without a thread they are orphans; there is nobody left to tell.
                let _ = reactor.processes.outlive();
            }
            done();
        })),
        None => done(),
    })?;
    Ok(number)
}

fn take_out(number: u32) -> Option<Open> {
    // The thread itself may be about to end.
    OPEN.try_with(|open| open.borrow_mut().remove(&number)).ok().flatten()
}

/// Fails where there is no such reactor, as after its environment's end.
pub fn with<T>(number: u32, work: impl FnOnce(&mut Reactor) -> error::Result<T>) -> error::Result<T> {
    OPEN.with_borrow_mut(|open| match open.get_mut(&number) {
        Some(open) => work(&mut open.reactor),
        None => Err(Error { syscall: "epoll_ctl", errno: Errno::EBADF, path: None }),
    })
}

/// Whether it keeps the event loop alive.
#[napi(catch_unwind)]
pub fn keep_alive(reactor: u32, yes: bool) {
    OPEN.with_borrow_mut(|open| {
        if let Some(open) = open.get_mut(&reactor) {
            open.waker.keep_alive(yes);
        }
    });
}

/// The end of the process of a token, which means nothing from now on.
#[napi(object, object_from_js = false)]
pub struct Ended {
    pub token: f64,
    pub status: WaitStatus,
}

/// What a turn has found. `ready`: for each socket its token, whether there is something to receive, and whether something
/// can be sent.
#[napi(object, object_from_js = false)]
pub struct Found {
    pub ended: Vec<Ended>,
    pub ready: Vec<f64>,
}

/// Processes that have ended, and sockets that are ready. Waits for nothing.
#[napi(catch_unwind)]
pub fn turn(env: Env, reactor: u32) -> Result<Found> {
    let turn = OPEN.with_borrow_mut(|open| {
        // A last call may come after the end.
        let Some(Open { reactor, waker }) = open.get_mut(&reactor) else { return Ok(Turn::default()) };
        let turn = reactor.turn();
        waker.turned();
        turn
    });
    let Turn { endings, ready } = turn.or_throw(&env)?;
    let ended = endings.into_iter();
    Ok(Found {
        ended: ended.map(|(token, ending)| Ended { token: token as f64, status: ending.into() }).collect(),
        ready: ready
            .into_iter()
            .flat_map(|(token, ready)| [token as f64, ready.receive.into(), ready.send.into()])
            .collect(),
    })
}
