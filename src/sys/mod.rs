//! System calls that nix lacks. Each function makes one libc call, and says why the call is sound.
#![allow(unsafe_code)]

mod c_string;
pub mod environment;
pub mod errno;
pub mod fd;
pub mod memory;
pub mod pidfd;
pub mod poll;
pub mod process;
pub mod signal;
pub mod socket;
pub mod terminal;
pub mod uv;

pub use c_string::c_string;
