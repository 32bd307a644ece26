//! What nix lacks: one libc call a function, each with the reason why it is sound.
#![allow(unsafe_code)]

pub mod environment;
pub mod errno;
pub mod fd;
pub mod pidfd;
pub mod poll;
pub mod process;
pub mod signal;
pub mod socket;
pub mod terminal;
pub mod uv;
