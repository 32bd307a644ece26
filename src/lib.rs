//! The native half of procnative.
//!
//! The path of one call:
//!
//! 1. `index.js` exports the function.
//! 2. `lib/` checks the shapes of the arguments.
//! 3. [`js`] converts JavaScript values into plain Rust values.
//! 4. The module of the subject makes the system calls.
//! 5. [`error::Error`] names a system call that failed.
//! 6. `js/bridge/error.rs` makes a Node system error from it.
//!
//! No step calls an earlier one, and each value is checked once.
//!
//! `unsafe` is only in three places:
//!
//! - [`sys`]: one libc call per function;
//! - [`clone`]: the code between clone and exec;
//! - calls of libuv and Node-API without safe wrappers: `reactor/uv.rs`, `js/bridge/fast_call.rs`,
//!   `js/bridge/event_loop.rs`, `js/bridge/weak.rs`.

// A test build exports no functions to Node, so it does not use their code.
#![cfg_attr(test, allow(dead_code))]

#[cfg(not(target_os = "linux"))]
compile_error!(
    "procnative is built on Linux: daemonize() and its kin need clone(2), pidfds and close_range(2)"
);

mod channel;
mod clone;
mod daemon;
mod descriptor;
mod error;
mod js;
mod proc;
mod process;
mod reactor;
mod socket;
mod sys;
