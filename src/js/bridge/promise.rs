//! Work that waits, for JavaScript that does not.

use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc;

use napi::bindgen_prelude::{Object, ToNapiValue};
use napi::{Env, Result};

use super::error::OrThrow;
use crate::error;
use crate::reactor::thread;

type Settle<T> = Box<dyn FnOnce(Env) -> Result<T>>;

/// Does `work` on a thread of its own, which ends with it, and returns the promise of what `convert` makes of its result, on
/// this one. libuv's own threads are few, and files are read by them.
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
        // Without a promise there is nothing to do.
        let Ok(deferred) = from_here.recv() else { return };
        match panic::catch_unwind(AssertUnwindSafe(work)) {
            Ok(result) => deferred.resolve(Box::new(move |env| convert(&env, result.or_throw(&env)?))),
            Err(_) => deferred.reject(napi::Error::from_reason("procnative: a thread panicked")),
        }
    })
    .or_throw(env)?;
    let (deferred, promise) = env.create_deferred()?;
    // It waits for this.
    let _ = to_thread.send(deferred);
    Ok(promise)
}
