//! From our plain errors to what Node itself would throw: code, errno, syscall and path, in libuv's words.

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
        // Without asking JavaScript for its words: at the end of the stack, that would fail again and again.
        let thrown = |error: Error| {
            to_js(env, &error).map_or_else(|error| error, napi::Error::from_unknown_without_coercion)
        };
        self.map_err(thrown)
    }
}

fn to_js<'env>(env: &'env Env, error: &Error) -> napi::Result<Unknown<'env>> {
    let errno = error.errno as i32;
    let code = uv::error_name(errno).unwrap_or_else(|| format!("{:?}", error.errno));
    let mut message = format!("{code}: {}, {}", describe(error), error.syscall);
    let path = error.path.as_ref().map(|path| path.to_string_lossy());
    if let Some(path) = &path {
        message.push_str(&format!(" '{path}'"));
    }
    let mut object = env.create_error(napi::Error::from_reason(message))?;
    object.set("errno", -errno)?;
    object.set("code", code)?;
    object.set("syscall", error.syscall)?;
    if let Some(path) = path {
        object.set("path", path.as_ref())?;
    }
    Ok(object.to_unknown())
}

/// libuv's words; or, where there is no libuv or it does not know the errno, the C library's in libuv's style.
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

/// Called once, where the runtime is Node: what follows may use its libuv.
#[napi(catch_unwind)]
pub fn use_libuv() {
    uv::enable();
}
