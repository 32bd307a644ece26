//! Exports functions that JavaScript calls for each message. They call Node-API directly, because napi-rs records the
//! values that it lends in each call, and copies each string once more.
//! 1.2x on messages of 64 B without handles (npm run bench -- handles)
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::panic::catch_unwind;
use std::{ptr, slice};

use napi::bindgen_prelude::{
    FromNapiValue, JsObjectValue, Object, ToNapiValue, TypedArrayType, panic_to_error,
};
use napi::{Env, Error, JsError, Result, Status, ValueType, sys};

use super::error::OrThrow;
use crate::error::During;
use crate::sys::memory;

/// Maximum number of arguments of a function. A missing argument is undefined.
const MOST: usize = 5;

/// Maximum number of UTF-16 units in a string for which `append_to` reserves the maximum length in UTF-8. Of a longer
/// string, `append_to` counts the length first.
/// 1.3x in the second round of 64 B messages (npm run bench -- handles)
const SHORT: usize = 8192;

pub type Arguments<'call> = [Argument<'call>; MOST];

/// A function that JavaScript can call.
pub trait Function {
    const NAME: &'static str;
    type Output: ToNapiValue;

    fn call(env: Env, arguments: Arguments<'_>) -> Result<Self::Output>;
}

/// Adds a function to the exports.
pub fn export<F: Function>(exports: &mut Object<'_>) -> Result<()> {
    exports.create_named_method(F::NAME, enter::<F>)
}

/// The callback that Node-API calls.
unsafe extern "C" fn enter<F: Function>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let run = || {
        let result = F::call(Env::from_raw(env), arguments(env, info)?)?;
        // SAFETY: `env` belongs to this call.
        unsafe { F::Output::to_napi_value(env, result) }
    };
    catch_unwind(run).map_err(panic_to_error).and_then(|result| result).unwrap_or_else(|error| {
        // SAFETY: `env` belongs to this call, and nothing calls Node-API after this.
        unsafe { JsError::from(error).throw_into(env) };
        ptr::null_mut()
    })
}

fn arguments<'call>(env: sys::napi_env, info: sys::napi_callback_info) -> Result<Arguments<'call>> {
    let mut values = [ptr::null_mut(); MOST];
    let mut count = MOST;
    let (this, data) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: Node-API writes at most `count` values.
    check(unsafe { sys::napi_get_cb_info(env, info, &raw mut count, values.as_mut_ptr(), this, data) })?;
    Ok(values.map(|value| Argument { env, value, call: PhantomData }))
}

/// A value that lives as long as the call.
#[derive(Clone, Copy)]
pub struct Argument<'call> {
    env: sys::napi_env,
    value: sys::napi_value,
    call: PhantomData<&'call ()>,
}

impl<'call> Argument<'call> {
    pub fn kind(self) -> Result<ValueType> {
        let mut kind = 0;
        // SAFETY: Node-API writes one number.
        check(unsafe { sys::napi_typeof(self.env, self.value, &raw mut kind) })?;
        Ok(kind.into())
    }

    pub fn number<T: Number>(self) -> Result<T> {
        // SAFETY: `env` and `value` belong to this call.
        unsafe { T::from_napi_value(self.env, self.value) }
    }

    pub fn boolean(self) -> Result<bool> {
        // SAFETY: `env` and `value` belong to this call.
        unsafe { bool::from_napi_value(self.env, self.value) }
    }

    /// Appends a string to `bytes` in UTF-8, without the copy that a `String` needs. Returns false if the value is no string.
    pub fn append_to(self, bytes: &mut Vec<u8>) -> Result<bool> {
        let mut characters = 0;
        let nowhere = ptr::null_mut();
        // SAFETY: Node-API writes one number.
        let status = unsafe {
            sys::napi_get_value_string_utf16(self.env, self.value, nowhere, 0, &raw mut characters)
        };
        if status == sys::Status::napi_string_expected {
            return Ok(false);
        }
        check(status)?;
        let longest = if characters <= SHORT { 3 * characters } else { self.length_in_utf8()? };
        // One byte more, for a NUL.
        let room = longest + 1;
        self.reserve(bytes, room)?;
        let mut written = 0;
        // SAFETY: Node-API writes at most `room` bytes, and sets `written` to the number of bytes that it has initialized. Don't
        // pass all the spare capacity: Node 20 and 22 cut its length to an int, so 2 GiB would count as no room at all.
        unsafe {
            let spare = bytes.spare_capacity_mut().as_mut_ptr().cast();
            check(sys::napi_get_value_string_utf8(self.env, self.value, spare, room, &raw mut written))?;
            bytes.set_len(bytes.len() + written);
        }
        Ok(true)
    }

    /// Appends the elements of a Uint8Array to `bytes`.
    pub fn append_elements_to(self, bytes: &mut Vec<u8>) -> Result<()> {
        let elements = self.elements()?;
        self.reserve(bytes, elements.len())?;
        bytes.extend_from_slice(elements);
        Ok(())
    }

    /// Throws ENOMEM if there is not enough memory.
    fn reserve(self, bytes: &mut Vec<u8>, additional: usize) -> Result<()> {
        memory::reserve(bytes, additional).during("sendmsg").or_throw(&Env::from_raw(self.env))
    }

    fn length_in_utf8(self) -> Result<usize> {
        let mut length = 0;
        let nowhere = ptr::null_mut();
        // SAFETY: Node-API writes one number.
        check(unsafe { sys::napi_get_value_string_utf8(self.env, self.value, nowhere, 0, &raw mut length) })?;
        Ok(length)
    }

    /// Returns the elements of a typed array. They are valid until JavaScript runs again.
    pub fn elements<T: Element>(self) -> Result<&'call [T]> {
        let (mut kind, mut length, mut data) = (0, 0, ptr::null_mut());
        let (buffer, offset) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: Node-API writes the type, the length and the address.
        check(unsafe {
            sys::napi_get_typedarray_info(
                self.env,
                self.value,
                &raw mut kind,
                &raw mut length,
                &raw mut data,
                buffer,
                offset,
            )
        })?;
        if TypedArrayType::from(kind) != T::TYPE {
            return Err(Error::from_status(Status::InvalidArg));
        }
        // An empty array has no address.
        if length == 0 {
            return Ok(&[]);
        }
        // SAFETY: there are `length` elements of that type. JavaScript can't move or free them during this call.
        Ok(unsafe { slice::from_raw_parts(data.cast(), length) })
    }
}

fn check(status: sys::napi_status) -> Result<()> {
    match Status::from(status) {
        Status::Ok => Ok(()),
        status => Err(Error::from_status(status)),
    }
}

/// A number that napi-rs can convert without lending a value.
pub trait Number: FromNapiValue {}
impl Number for i32 {}
impl Number for u32 {}
impl Number for f64 {}

/// An element type of a typed array.
pub trait Element {
    const TYPE: TypedArrayType;
}

impl Element for u8 {
    const TYPE: TypedArrayType = TypedArrayType::Uint8;
}

impl Element for i32 {
    const TYPE: TypedArrayType = TypedArrayType::Int32;
}
