//! Converts errors into the errors that Node throws: with code, errno, syscall and path, in libuv's words.

use napi::{Env, JsValue, Unknown};
use napi_derive::napi;

use crate::error::{Error, Result};
use crate::sys::{self, uv};

/// Throws a failed system call: `setsid().or_throw(&env)?`.
pub trait OrThrow<T> {
    fn or_throw(self, env: &Env) -> napi::Result<T>;
}

impl<T> OrThrow<T> for Result<T> {
    fn or_throw(self, env: &Env) -> napi::Result<T> {
        // Without coercion: at the end of the stack, each call of JavaScript for the error's text would fail again.
        let thrown = |error: Error| {
            to_js(env, &error).map_or_else(|error| error, napi::Error::from_unknown_without_coercion)
        };
        self.map_err(thrown)
    }
}

/// Returns the message that Node gives such an error.
pub fn message(error: &Error) -> String {
    let message = format!("{}: {}, {}", code(error), describe(error), error.syscall);
    match &error.path {
        None => message,
        Some(path) => format!("{message} '{}'", path.to_string_lossy()),
    }
}

fn code(error: &Error) -> String {
    uv::error_name(error.errno as i32).unwrap_or_else(|| format!("{:?}", error.errno))
}

/// Makes the Error of a failed system call.
pub fn to_js<'env>(env: &'env Env, error: &Error) -> napi::Result<Unknown<'env>> {
    let path = error.path.as_ref().map(|path| path.to_string_lossy());
    let mut object = env.create_error(napi::Error::from_reason(message(error)))?;
    object.set("errno", -(error.errno as i32))?;
    object.set("code", code(error))?;
    object.set("syscall", error.syscall)?;
    if let Some(path) = path {
        object.set("path", path.as_ref())?;
    }
    Ok(object.to_unknown())
}

/// Returns libuv's description of an error. Without libuv, or for an errno that libuv does not know, returns the description of
/// the C library, with a small first letter as in libuv.
fn describe(error: &Error) -> String {
    let errno = error.errno as i32;
    uv::error_message(errno).unwrap_or_else(|| {
        let mut words = sys::errno::message(errno);
        if let Some(first) = words.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        words
    })
}

/// Lets all later calls use Node's libuv. Called once, and only in Node.
#[napi(catch_unwind)]
pub fn use_libuv() {
    uv::enable();
}
