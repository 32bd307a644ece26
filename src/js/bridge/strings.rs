//! Names, arguments and variables for exec: JavaScript strings, or bytes that are not valid UTF-8.

use napi::bindgen_prelude::{Either, Uint8Array};

use crate::clone::strings::Strings;
use crate::sys;

pub type Bytes = Either<String, Uint8Array>;

/// Converts one string.
pub fn to_bytes(given: Bytes) -> Vec<u8> {
    match given {
        Either::A(text) => text.into_bytes(),
        Either::B(bytes) => bytes.to_vec(),
    }
}

/// Splits a block of strings with a NUL at the end of each.
pub fn to_strings(given: Bytes) -> Strings {
    Strings::of_block(to_bytes(given))
}

/// Returns variables as `NAME=value`. Without `given`, returns the variables of this process.
pub fn to_environment(given: Option<Bytes>) -> Strings {
    given.map_or_else(|| Strings::of_block(sys::environment::variables()), to_strings)
}

/// Like `to_environment`, but leaves out the names of `without` and appends the variables of `added`.
pub fn to_changed_environment(given: Option<Bytes>, without: [&[String]; 2], added: String) -> Strings {
    let mut environment = to_environment(given);
    for names in without {
        environment.remove_variables(names);
    }
    environment.append(&to_strings(Either::A(added)));
    environment
}
