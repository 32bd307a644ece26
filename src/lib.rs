//! The native half of procnative.
//!
//! The way of one call: `index.js` → `lib/*.js` checks shapes → [`js`] turns JavaScript values into plain
//! Rust ones → the module of the subject makes the system calls → [`error::Error`] names the one that failed
//! → `js/bridge/error.rs` makes a Node system error of it. Nothing calls backwards, and each value is checked once.
//!
//! `unsafe` stands in [`sys`] (one libc call a function), in [`clone`] (what runs between clone and exec), and where libuv
//! and Node-API have no safe names: `reactor/uv.rs`, `js/bridge/fast_call.rs`, `js/bridge/event_loop.rs`, `js/bridge/weak.rs`.

// Without Node there are no exports, so nothing uses what they would.
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
