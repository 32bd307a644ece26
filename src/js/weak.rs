//! Weak references to JavaScript values. A copy of the package's JavaScript (a module registry that was reset, a vm context)
//! can be collected although the native half, of which there is one an environment, knows functions of that copy.
#![allow(unsafe_code)]

use std::ptr;

use napi::bindgen_prelude::{FromNapiValue, Function};
use napi::{Env, JsValue, Result, Status, Unknown, sys};

/// A weak reference, which its environment frees at its end. There is no `Drop`: a thread's variables are dropped after that end.
pub struct Weak {
    env: sys::napi_env,
    reference: sys::napi_ref,
}

impl Weak {
    pub fn new<'env>(env: &Env, value: &impl JsValue<'env>) -> Result<Self> {
        let mut reference = ptr::null_mut();
        // SAFETY: the value is one of the caller's scope; a count of 0 makes the reference weak.
        let status = unsafe { sys::napi_create_reference(env.raw(), value.raw(), 0, &raw mut reference) };
        match Status::from(status) {
            Status::Ok => Ok(Self { env: env.raw(), reference }),
            status => Err(napi::Error::new(status, "napi_create_reference")),
        }
    }

    /// Returns the value in the scope of `env`; None once the value was collected.
    pub fn get<'env>(&self, _env: &'env Env) -> Option<Unknown<'env>> {
        let mut value = ptr::null_mut();
        // SAFETY: the environment has not ended, and writes one pointer.
        let status = unsafe { sys::napi_get_reference_value(self.env, self.reference, &raw mut value) };
        if status != sys::Status::napi_ok || value.is_null() {
            return None;
        }
        // SAFETY: the value is one of the scope that is open.
        unsafe { Unknown::from_napi_value(self.env, value) }.ok()
    }

    /// Frees the reference while its environment goes on.
    pub fn release(self, _env: &Env) {
        // SAFETY: the environment has not ended, and the reference is freed once.
        unsafe { sys::napi_delete_reference(self.env, self.reference) };
    }
}

/// One function of each copy of the package's JavaScript that is alive.
#[derive(Default)]
pub struct Listeners(Vec<Weak>);

impl Listeners {
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    pub fn add(&mut self, env: &Env, function: &Function<'_, (), ()>) -> Result<()> {
        for collected in self.0.extract_if(.., |known| known.get(env).is_none()) {
            collected.release(env);
        }
        self.0.push(Weak::new(env, function)?);
        Ok(())
    }

    /// The functions of the living copies, the latest copy first.
    pub fn living<'env>(&self, env: &'env Env) -> impl Iterator<Item = Function<'env, (), ()>> {
        self.0.iter().rev().filter_map(|known| {
            let value = known.get(env)?;
            // SAFETY: `add` was given a function.
            unsafe { Function::from_napi_value(env.raw(), value.raw()) }.ok()
        })
    }
}
