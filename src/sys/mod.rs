//! System calls that nix lacks, and small helpers for them. Each unsafe block says why it is sound.
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
