use std::os::fd::IntoRawFd;

use napi::{Env, Result};
use napi_derive::napi;

use super::error::OrThrow;
use crate::unix::{self, Address};

/// A listening Unix socket. `name` is a path or, with `isAbstract`, an abstract name without its NUL.
#[napi(catch_unwind)]
pub fn listen_unix(env: Env, name: String, is_abstract: bool, mode: u32, backlog: i32) -> Result<i32> {
    let address = if is_abstract { Address::Abstract(name) } else { Address::File(name) };
    unix::listen(&address, mode, backlog).or_throw(&env).map(IntoRawFd::into_raw_fd)
}
