//! Names, arguments and variables for exec: text in JavaScript, or the bytes that no text can be.

use napi::bindgen_prelude::{Either, Uint8Array};

use crate::strings::Strings;
use crate::sys;

pub type Bytes = Either<String, Uint8Array>;

pub fn to_bytes(given: Bytes) -> Vec<u8> {
    match given {
        Either::A(text) => text.into_bytes(),
        Either::B(bytes) => bytes.to_vec(),
    }
}

/// Strings that end in a NUL each.
pub fn to_strings(given: Bytes) -> Strings {
    Strings::of_block(to_bytes(given))
}

/// Variables, `NAME=value`; where none are given, those of this process.
pub fn to_environment(given: Option<Bytes>) -> Strings {
    given.map_or_else(|| Strings::of_block(sys::environment::variables()), to_strings)
}

/// The same without the variables of some names, and with others added.
pub fn to_changed_environment(given: Option<Bytes>, without: [&[String]; 2], added: String) -> Strings {
    let mut environment = to_environment(given);
    for names in without {
        environment.remove_variables(names);
    }
    environment.append(&to_strings(Either::A(added)));
    environment
}
