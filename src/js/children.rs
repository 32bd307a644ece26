//! The children of child_process, which Node publishes and reaps itself. One list per environment, shared by all copies of the
//! package's JavaScript.

use std::cell::RefCell;

use napi::bindgen_prelude::{FnArgs, Function, JsObjectValue, Object, Unknown};
use napi::{Env, JsValue, Result, ValueType};
use napi_derive::napi;

use super::bridge::event_loop;
use super::bridge::weak::Weak;

/// Length at which ended children are first removed from the list.
const FIRST_LIMIT: usize = 64;

/// The diagnostics channel on which Node publishes each child before it starts the child.
const CHANNEL: &str = "child_process";

thread_local! {
    static STARTED: RefCell<Option<Started>> = const { RefCell::new(None) };
}

struct Started {
    /// Weak references: the runtime holds each child while it runs.
    children: Vec<Weak>,
    /// Length at which ended children are removed.
    limit: usize,
}

type Message<'env> = FnArgs<(Object<'env>,)>;
type Subscribe<'env> =
    Function<'env, FnArgs<(&'static str, Function<'env, Message<'env>, ()>)>, Unknown<'env>>;

/// Remembers the environment's children from the first call on. `subscribe` is a function of node:diagnostics_channel. The channel
/// holds a function of the environment's own context, and no function of the caller.
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
    STARTED.set(Some(Started { children: Vec::new(), limit: FIRST_LIMIT }));
    event_loop::at_end(env, |done| {
        // In a thread that is about to end, the variable may be gone.
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
        list_runtime_children(*env)?;
    }
    Ok(())
}

/// Returns the pids of those children of child_process in this environment that are not reaped yet.
#[napi(catch_unwind)]
pub fn list_runtime_children(env: Env) -> Result<Vec<i32>> {
    // Take the list out: a property may be a getter, which can start a child.
    let Some(children) =
        STARTED.with_borrow_mut(|started| started.as_mut().map(|it| std::mem::take(&mut it.children)))
    else {
        return Ok(Vec::new());
    };
    let mut pids = Vec::new();
    let mut remaining = Vec::with_capacity(children.len());
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
            // A getter threw.
            Err(error) => failure = Some(error),
        }
        remaining.push(child);
    }
    STARTED.with_borrow_mut(|started| {
        if let Some(started) = started {
            remaining.append(&mut started.children);
            started.limit = FIRST_LIMIT.max(2 * remaining.len());
            started.children = remaining;
        }
    });
    failure.map_or(Ok(pids), Err)
}

enum State {
    NotStarted,
    Running(i32),
    Ended,
}

/// Returns the state of a child. Reads its properties, because the program owns its events.
fn state(child: &Object<'_>) -> Result<State> {
    let kind_of = |name| child.get_named_property::<Unknown<'_>>(name)?.get_type();
    if kind_of("exitCode")? != ValueType::Null || kind_of("signalCode")? != ValueType::Null {
        return Ok(State::Ended);
    }
    if kind_of("pid")? == ValueType::Number {
        return Ok(State::Running(child.get_named_property("pid")?));
    }
    // A child that could not be started has a file, but no pid.
    Ok(if kind_of("spawnfile")? == ValueType::Null { State::NotStarted } else { State::Ended })
}
