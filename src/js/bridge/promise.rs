//! Promises for work that blocks.

use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc;

use napi::bindgen_prelude::{Object, ToNapiValue};
use napi::{Env, Result};

use super::error::OrThrow;
use crate::error;
use crate::reactor::thread;

type Settle<T> = Box<dyn FnOnce(Env) -> Result<T>>;

/// Runs `work` on a new thread, which ends with it. Returns a promise of the result, which `convert` converts on this thread.
/// Doesn't use libuv's threads, because they are few, and Node reads files by them.
pub fn on_thread<T, R>(
    env: &Env,
    work: impl FnOnce() -> error::Result<R> + Send + 'static,
    convert: fn(&Env, R) -> Result<T>,
) -> Result<Object<'_>>
where
    T: ToNapiValue + 'static,
    R: Send + 'static,
{
    let (to_thread, from_here) = mpsc::channel::<napi::JsDeferred<T, Settle<T>>>();
    thread::spawn(move || {
        // The promise could not be made, so its error was thrown already.
        let Ok(deferred) = from_here.recv() else { return };
        match panic::catch_unwind(AssertUnwindSafe(work)) {
            Ok(result) => deferred.resolve(Box::new(move |env| convert(&env, result.or_throw(&env)?))),
            Err(_) => deferred.reject(napi::Error::from_reason("procnative: a thread panicked")),
        }
    })
    .or_throw(env)?;
    let (deferred, promise) = env.create_deferred()?;
    // Can't fail: the thread waits for this message.
    let _ = to_thread.send(deferred);
    Ok(promise)
}
