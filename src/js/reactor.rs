use std::cell::RefCell;
use std::sync::atomic::{AtomicU32, Ordering};

use napi::bindgen_prelude::{
    Function, JsObjectValue, Object, ObjectRef, Unknown, retain_current_module_for_unload_safety,
};
use napi::{Env, JsValue, Result};
use napi_derive::napi;
use nix::errno::Errno;

use super::bridge::error::OrThrow;
use super::bridge::event_loop::{self, OnReadable, Wake};
use super::bridge::weak::Listeners;
use super::wait::WaitStatus;
use crate::error::{self, Error};
use crate::process::session;
use crate::reactor::{Reactor, Turn, Waker, abandoned};

thread_local! {
    /// The reactor of this thread's environment.
    static OPEN: RefCell<Option<Open>> = const { RefCell::new(None) };
}

static NEXT: AtomicU32 = AtomicU32::new(0);

struct Open {
    /// The number by which JavaScript knows the reactor: a pointer in JavaScript could outlive the reactor.
    number: u32,
    reactor: Reactor,
    waker: Box<dyn Waker>,
    /// Number of copies of the package's JavaScript that keep the event loop alive.
    holding: u32,
    /// A Map of the environment's own context, which keeps no other context alive.
    registered: ObjectRef<false>,
    listeners: Listeners,
}

/// The environment's reactor. `registered`: a Map from tokens to watches, one for all copies of the package's JavaScript.
#[napi(object, object_from_js = false)]
pub struct Opened<'env> {
    pub number: u32,
    pub registered: Object<'env>,
}

/// Opens the environment's reactor, or returns the open one. The event loop calls `onReadable` of the latest living copy when
/// `turn` has something to do. The reactor keeps no copy alive.
#[napi(catch_unwind)]
pub fn open_reactor<'env>(env: &'env Env, on_readable: OnReadable<'_>) -> Result<Opened<'env>> {
    if OPEN.with_borrow(Option::is_none) {
        let opened = open(*env)?;
        OPEN.set(Some(opened));
    }
    OPEN.with_borrow_mut(|open| {
        let open = open.as_mut().ok_or_else(|| napi::Error::from_reason("the reactor has ended"))?;
        open.listeners.add(env, &on_readable)?;
        Ok(Opened { number: open.number, registered: open.registered.get_value(env)? })
    })
}

fn open(env: Env) -> Result<Open> {
    // Keep this library loaded: a thread of the reactor may outlive the last environment that has loaded the library.
    retain_current_module_for_unload_safety();
    let map: Function<'_, (), Unknown<'_>> = env.get_global()?.get_named_property("Map")?;
    let registered = map.new_instance(())?.coerce_to_object()?.create_ref()?;
    let reactor = Reactor::new().or_throw(&env)?;
    let waker = event_loop::watch::<Listening>(env, &reactor)?;
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    event_loop::at_end(env, move |done| match take_out() {
        // Hand over the children after the waker has closed the set.
        Some(Open { waker, reactor, .. }) => waker.close(Box::new(move || {
            if !session::is_main_thread() {
                // If no thread can be started, the children become orphans. There is no environment left to report the error to.
                let _ = reactor.processes.into_children().and_then(abandoned::reap);
            }
            done();
        })),
        None => done(),
    })?;
    Ok(Open { number, reactor, waker, holding: 0, registered, listeners: Listeners::new() })
}

fn take_out() -> Option<Open> {
    // In a thread that is about to end, the variable may be gone.
    OPEN.try_with(RefCell::take).ok().flatten()
}

/// Wakes the JavaScript of this thread's reactor.
enum Listening {}

impl Wake for Listening {
    fn listener(env: &Env) -> Option<OnReadable<'_>> {
        OPEN.with_borrow(|open| open.as_ref()?.listeners.living(env).next())
    }

    /// Takes a turn without JavaScript. The turn reaps children whose Process was closed or collected.
    fn unheard() {
        // A step that fails here fails again in a turn that reports it.
        let _ = take_turn();
    }
}

fn take_turn() -> error::Result<Turn> {
    OPEN.with_borrow_mut(|open| {
        // The waker may call once more after the environment's end.
        let Some(Open { reactor, waker, .. }) = open else { return Ok(Turn::default()) };
        let turn = reactor.turn();
        waker.turned();
        turn
    })
}

/// Runs `work` on a reactor. Fails with EBADF if the reactor does not exist, as after its environment's end.
pub fn with<T>(number: u32, work: impl FnOnce(&mut Reactor) -> error::Result<T>) -> error::Result<T> {
    OPEN.with_borrow_mut(|open| match open {
        Some(open) if open.number == number => work(&mut open.reactor),
        _ => Err(Error { syscall: "epoll_ctl", errno: Errno::EBADF, path: None }),
    })
}

/// Sets whether a copy of the package's JavaScript keeps the event loop alive. Each copy calls this on changes only.
#[napi(catch_unwind)]
pub fn keep_alive(is_alive: bool) {
    OPEN.with_borrow_mut(|open| {
        let Some(open) = open else { return };
        let before = open.holding;
        open.holding = if is_alive { before + 1 } else { before.saturating_sub(1) };
        if (before > 0) != (open.holding > 0) {
            open.waker.keep_alive(is_alive);
        }
    });
}

/// The end of a process. Its token is invalid from now on.
#[napi(object, object_from_js = false)]
pub struct Ended {
    pub token: f64,
    pub status: WaitStatus,
}

/// Numbers in `ready` for each socket: its token, 1 if it can receive, and 1 if it can send.
#[napi]
pub const READY_FIELDS: u32 = 3;

/// The results of a turn. `ready` has [`READY_FIELDS`] numbers for each socket.
#[napi(object, object_from_js = false)]
pub struct Found {
    pub ended: Vec<Ended>,
    pub ready: Vec<f64>,
}

/// Takes a turn: returns ended processes and ready sockets. Does not wait.
#[napi(catch_unwind)]
pub fn turn(env: Env) -> Result<Found> {
    let Turn { endings, ready } = take_turn().or_throw(&env)?;
    let ended = endings.into_iter();
    Ok(Found {
        ended: ended.map(|(token, ending)| Ended { token: token as f64, status: ending.into() }).collect(),
        ready: ready
            .into_iter()
            .flat_map(|(token, ready)| [token as f64, ready.receive.into(), ready.send.into()])
            .collect(),
    })
}
