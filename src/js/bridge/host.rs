//! The program's `process`, and the functions that copies of the package's JavaScript run at the exit of the process.

use std::cell::RefCell;

use napi::bindgen_prelude::{FnArgs, Function, JsObjectValue, Object, Unknown};
use napi::{Env, Result};
use napi_derive::napi;

use super::event_loop;
use super::weak::Listeners;

thread_local! {
    static LISTENERS: RefCell<Option<Listeners>> = const { RefCell::new(None) };
}

/// Returns the program's own `process`. A test runner gives each of its contexts another one.
#[napi(catch_unwind, ts_return_type = "NodeJS.Process")]
pub fn host_process(env: &Env) -> Result<Object<'_>> {
    env.get_global()?.get_named_property("process")
}

type On<'env> = Function<'env, FnArgs<(&'static str, Function<'env, (), ()>)>, Unknown<'env>>;

/// Calls `listener` at the 'exit' event of the environment's own `process`, unless `listener` was collected by then. A listener on
/// `process` itself would keep the caller's copy alive for ever.
#[napi(catch_unwind)]
pub fn at_exit(env: Env, listener: Function<'_, (), ()>) -> Result<()> {
    if LISTENERS.with_borrow(Option::is_none) {
        let process = host_process(&env)?;
        let on: On<'_> = process.get_named_property("on")?;
        let call_all: Function<'_, (), ()> =
            env.create_function_from_closure("onExit", |call| call_all(call.env))?;
        on.apply(process, ("exit", call_all).into())?;
        LISTENERS.set(Some(Listeners::new()));
        event_loop::at_end(env, |done| {
            // In a thread that is about to end, the variable may be gone.
            drop(LISTENERS.try_with(RefCell::take));
            done();
        })?;
    }
    LISTENERS.with_borrow_mut(|listeners| listeners.as_mut().map_or(Ok(()), |it| it.add(&env, &listener)))
}

/// Calls all listeners, even if one of them fails.
fn call_all(env: &Env) -> Result<()> {
    let living: Vec<_> =
        LISTENERS.with_borrow(|listeners| listeners.iter().flat_map(|it| it.living(env)).collect());
    let results: Vec<_> = living.iter().map(|listener| listener.call(())).collect();
    results.into_iter().collect()
}
