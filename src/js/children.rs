//! The children of child_process, by what Node publishes: its own to reap. One list an environment, for all copies of the
//! package's JavaScript.

use std::cell::RefCell;

use napi::bindgen_prelude::{FnArgs, Function, JsObjectValue, Object, Unknown};
use napi::{Env, JsValue, Result, ValueType};
use napi_derive::napi;

use super::event_loop;
use super::weak::Weak;

/// How long the list gets before those that have ended are looked for.
const FEW: usize = 64;

/// The diagnostics channel on which Node publishes each child, before it is started.
const CHANNEL: &str = "child_process";

thread_local! {
    static STARTED: RefCell<Option<Started>> = const { RefCell::new(None) };
}

struct Started {
    /// Weak: the runtime holds each child for as long as it runs.
    children: Vec<Weak>,
    limit: usize,
}

type Message<'env> = FnArgs<(Object<'env>,)>;
type Subscribe<'env> =
    Function<'env, FnArgs<(&'static str, Function<'env, Message<'env>, ()>)>, Unknown<'env>>;

/// Remembers the environment's children from the first call on. `subscribe` is that of node:diagnostics_channel, which holds a
/// function of the environment's own context from then on, and none of the caller's.
#[napi(catch_unwind, ts_args_type = "subscribe: (name: string, listener: (message: object) => void) => void")]
pub fn remember_children(env: Env, subscribe: Subscribe<'_>) -> Result<()> {
    if STARTED.with_borrow(Option::is_some) {
        return Ok(());
    }
    let listener: Function<'_, Message<'_>, ()> = env
        .create_function_from_closure("onChildProcess", |call| {
            remember(call.env, &call.get::<Object<'_>>(0)?)
        })?;
    subscribe.call((CHANNEL, listener).into())?;
    STARTED.set(Some(Started { children: Vec::new(), limit: FEW }));
    event_loop::at_end(env, |done| {
        // The thread itself may be about to end.
        drop(STARTED.try_with(RefCell::take));
        done();
    })
}

fn remember(env: &Env, message: &Object<'_>) -> Result<()> {
    let child: Object<'_> = message.get_named_property("process")?;
    let child = Weak::new(env, &child)?;
    let is_long = STARTED.with_borrow_mut(|started| {
        let Some(started) = started else { return false };
        started.children.push(child);
        started.children.len() > started.limit
    });
    if is_long {
        runtimes_children(*env)?;
    }
    Ok(())
}

/// The pids of the children of child_process in this environment that were not reaped yet.
#[napi(catch_unwind)]
pub fn runtimes_children(env: Env) -> Result<Vec<i32>> {
    // Taken out: a property can be a getter, which may start a child.
    let Some(children) =
        STARTED.with_borrow_mut(|started| started.as_mut().map(|it| std::mem::take(&mut it.children)))
    else {
        return Ok(Vec::new());
    };
    let mut pids = Vec::new();
    let mut kept = Vec::with_capacity(children.len());
    let mut failure = None;
    for child in children {
        let state = child.get(&env).map_or(Ok(State::Ended), |object| state(&object.coerce_to_object()?));
        match state {
            Ok(State::Ended) => {
                child.release(&env);
                continue;
            }
            Ok(State::NotStarted) => {}
            Ok(State::Running(pid)) => pids.push(pid),
            // A getter has thrown.
            Err(error) => failure = Some(error),
        }
        kept.push(child);
    }
    STARTED.with_borrow_mut(|started| {
        if let Some(started) = started {
            kept.append(&mut started.children);
            started.limit = FEW.max(2 * kept.len());
            started.children = kept;
        }
    });
    failure.map_or(Ok(pids), Err)
}

enum State {
    NotStarted,
    Running(i32),
    Ended,
}

/// Not by the child's events, which are its user's.
fn state(child: &Object<'_>) -> Result<State> {
    let kind_of = |name| child.get_named_property::<Unknown<'_>>(name)?.get_type();
    if kind_of("exitCode")? != ValueType::Null || kind_of("signalCode")? != ValueType::Null {
        return Ok(State::Ended);
    }
    if kind_of("pid")? == ValueType::Number {
        return Ok(State::Running(child.get_named_property("pid")?));
    }
    // One that could not be started has a file, and no pid.
    Ok(if kind_of("spawnfile")? == ValueType::Null { State::NotStarted } else { State::Ended })
}
