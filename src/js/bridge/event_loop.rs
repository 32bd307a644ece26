//! Wakes an environment when a reactor's set is readable, until the environment ends.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::os::fd::AsFd;
use std::ptr;
use std::sync::Arc;

use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, JsValue, Result, Status, sys};

use super::error::OrThrow;
use crate::reactor::thread::Thread;
use crate::reactor::uv::Poll;
use crate::reactor::{Reactor, Waker};
use crate::sys::uv::{self, PollFunctions};

/// A function that the event loop calls when a turn has something to do.
pub type OnReadable<'env> = Function<'env, (), ()>;

/// Weak: does not keep the event loop alive before `keep_alive`.
type ThreadsafeOnReadable = ThreadsafeFunction<(), (), (), Status, false, true>;

/// The functions to call when a reactor's set is readable. They belong to a type, not to a value: Deno crashes at its end if it
/// frees what a function of `create_function_from_closure` has captured.
pub trait Wake: 'static {
    /// Returns a JavaScript function. None once all copies of the package's JavaScript are collected.
    fn listener(env: &Env) -> Option<OnReadable<'_>>;

    /// Called if there is no listener.
    fn unheard();
}

/// Watches a reactor's set by libuv, or by a thread in a runtime without libuv.
pub fn watch<W: Wake>(env: Env, reactor: &Reactor) -> Result<Box<dyn Waker>> {
    Ok(match uv::poll_functions() {
        Some(functions) => Box::new(by_libuv::<W>(env, functions, reactor)?),
        None => Box::new(by_thread::<W>(env, reactor)?),
    })
}

fn by_libuv<W: Wake>(env: Env, functions: &'static PollFunctions, reactor: &Reactor) -> Result<Poll> {
    let uv_loop = env.get_uv_event_loop()?.cast();
    let wake = Box::new(move || call_listener::<W>(env));
    // SAFETY: this thread runs the environment's loop. The environment waits for the callback of `at_end` before it ends.
    unsafe { Poll::start(functions, uv_loop, reactor.set().0.as_fd(), wake) }.or_throw(&env)
}

fn by_thread<W: Wake>(env: Env, reactor: &Reactor) -> Result<Thread> {
    let on_readable: OnReadable<'_> =
        env.create_function_from_closure("onReadable", |call| match W::listener(call.env) {
            Some(listener) => listener.call(()),
            None => {
                W::unheard();
                Ok(())
            }
        })?;
    let function: Arc<ThreadsafeOnReadable> =
        Arc::new(on_readable.build_threadsafe_function().callee_handled::<false>().weak::<true>().build()?);
    let to_wake = Arc::clone(&function);
    let wake = move || {
        // This call fails only when the environment ends, which ends this thread.
        to_wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
    };
    let keep_alive = move |is_alive| {
        let change =
            if is_alive { sys::napi_ref_threadsafe_function } else { sys::napi_unref_threadsafe_function };
        // SAFETY: called on the thread of the environment, before the environment ends.
        unsafe { change(env.raw(), function.raw()) };
    };
    Thread::start(Arc::clone(reactor.set()), wake, Box::new(keep_alive)).or_throw(&env)
}

/// Calls the listener from the event loop, and then the microtasks and next ticks that its callbacks have queued.
/// An error becomes an uncaught exception.
fn call_listener<W: Wake>(env: Env) {
    let called = env.run_in_scope(|| {
        let Some(listener) = W::listener(&env) else {
            W::unheard();
            return Ok(());
        };
        let (mut global, mut result, mut error) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: the handles belong to the open scope. The function takes no arguments.
        unsafe {
            sys::napi_get_global(env.raw(), &raw mut global);
            let status = sys::napi_make_callback(
                env.raw(),
                ptr::null_mut(),
                global,
                listener.raw(),
                0,
                ptr::null(),
                &raw mut result,
            );
            if status == sys::Status::napi_pending_exception
                && sys::napi_get_and_clear_last_exception(env.raw(), &raw mut error) == sys::Status::napi_ok
            {
                sys::napi_fatal_exception(env.raw(), error);
            }
        }
        Ok(())
    });
    // An error can only come from an environment that is about to end.
    drop(called);
}

/// Calls `end` when the environment ends. The environment waits until `end` calls its argument. In a runtime without libuv, `end`
/// calls its argument before it returns, so a synchronous hook is enough: an asynchronous hook crashes Deno.
pub fn at_end(env: Env, end: impl FnOnce(Box<dyn FnOnce()>) + 'static) -> Result<()> {
    if uv::poll_functions().is_none() {
        return env.add_env_cleanup_hook(end, |end| end(Box::new(|| {}))).map(drop);
    }
    let data: Box<End> = Box::new(Box::new(end));
    // SAFETY: `on_end` gets the data that it expects, once.
    let status = unsafe {
        sys::napi_add_async_cleanup_hook(env.raw(), Some(on_end), Box::into_raw(data).cast(), ptr::null_mut())
    };
    match Status::from(status) {
        Status::Ok => Ok(()),
        status => Err(napi::Error::new(status, "napi_add_async_cleanup_hook")),
    }
}

type End = Box<dyn FnOnce(Box<dyn FnOnce()>)>;

/// # Safety
/// Called as a hook of `at_end`.
unsafe extern "C" fn on_end(handle: sys::napi_async_cleanup_hook_handle, data: *mut c_void) {
    // SAFETY: `at_end` made the box for this call.
    let end = unsafe { Box::from_raw(data.cast::<End>()) };
    end(Box::new(move || {
        // SAFETY: the handle is valid until this call.
        unsafe { sys::napi_remove_async_cleanup_hook(handle) };
    }));
}
