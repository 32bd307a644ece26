//! Weak references to JavaScript values. The native half exists once per environment and knows functions of each copy of the
//! package's JavaScript. The collector must still be able to free a copy (of a module registry that was reset, or a vm context).
#![allow(unsafe_code)]

use std::ptr;

use napi::bindgen_prelude::{FromNapiValue, Function};
use napi::{Env, JsValue, Result, Status, Unknown, ValueType, sys};

/// A weak reference. The environment frees it at its end. There is no `Drop`, because a thread drops its variables after that.
pub struct Weak {
    env: sys::napi_env,
    reference: sys::napi_ref,
}

impl Weak {
    pub fn new<'env>(env: &Env, value: &impl JsValue<'env>) -> Result<Self> {
        let mut reference = ptr::null_mut();
        // SAFETY: the value belongs to the caller's scope. A count of 0 makes the reference weak.
        let status = unsafe { sys::napi_create_reference(env.raw(), value.raw(), 0, &raw mut reference) };
        match Status::from(status) {
            Status::Ok => Ok(Self { env: env.raw(), reference }),
            status => Err(napi::Error::new(status, "napi_create_reference")),
        }
    }

    /// Returns the value in the scope of `env`; None once the value was collected.
    pub fn get<'env>(&self, _env: &'env Env) -> Option<Unknown<'env>> {
        let mut value = ptr::null_mut();
        // SAFETY: the environment has not ended. It writes one pointer.
        let status = unsafe { sys::napi_get_reference_value(self.env, self.reference, &raw mut value) };
        if status != sys::Status::napi_ok || value.is_null() {
            return None;
        }
        // SAFETY: the value belongs to the open scope.
        unsafe { Unknown::from_napi_value(self.env, value) }.ok()
    }

    /// Frees the reference before the environment ends.
    pub fn release(self, _env: &Env) {
        // SAFETY: the environment has not ended. The reference is freed once.
        unsafe { sys::napi_delete_reference(self.env, self.reference) };
    }
}

/// One function of each living copy of the package's JavaScript.
#[derive(Default)]
pub struct Listeners(Vec<Weak>);

impl Listeners {
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Fails for any other value: the derived conversion lets each value pass as a function.
    pub fn add(&mut self, env: &Env, function: &Function<'_, (), ()>) -> Result<()> {
        if function.to_unknown().get_type()? != ValueType::Function {
            return Err(napi::Error::new(Status::FunctionExpected, "the listener must be a function"));
        }
        for collected in self.0.extract_if(.., |known| known.get(env).is_none()) {
            collected.release(env);
        }
        self.0.push(Weak::new(env, function)?);
        Ok(())
    }

    /// Returns the functions of the living copies, the latest copy first.
    pub fn living<'env>(&self, env: &'env Env) -> impl Iterator<Item = Function<'env, (), ()>> {
        self.0.iter().rev().filter_map(|known| {
            let value = known.get(env)?;
            // SAFETY: `add` took a function.
            unsafe { Function::from_napi_value(env.raw(), value.raw()) }.ok()
        })
    }
}
