//! Strings, without the copies that a `String` takes.
#![allow(unsafe_code)]

use napi::{JsString, JsValue, Result, Status, sys};

/// Up to here, room is made for the longest that so many characters can be in UTF-8; beyond, they are counted.
const SHORT: usize = 8192;

/// Puts a string at the end of `bytes`, in UTF-8.
pub fn append(string: JsString<'_>, bytes: &mut Vec<u8>) -> Result<()> {
    let characters = string.utf16_len()?;
    let longest = if characters <= SHORT { 3 * characters } else { string.utf8_len()? };
    // And a NUL.
    bytes.reserve(longest + 1);
    let spare = bytes.spare_capacity_mut();
    let mut written = 0;
    let value = string.value();
    // SAFETY: at most `spare` is written, and as much of it initialized as `written` says.
    unsafe {
        let status = sys::napi_get_value_string_utf8(
            value.env,
            value.value,
            spare.as_mut_ptr().cast(),
            spare.len(),
            &raw mut written,
        );
        if status != sys::Status::napi_ok {
            return Err(napi::Error::new(Status::from(status), "napi_get_value_string_utf8"));
        }
        bytes.set_len(bytes.len() + written);
    }
    Ok(())
}
