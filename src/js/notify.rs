use napi::{Env, Result};
use napi_derive::napi;

use super::error::OrThrow;
use crate::notify;

#[napi(catch_unwind)]
pub fn notify(env: Env, socket: String, state: String) -> Result<()> {
    notify::notify(&socket, &state).or_throw(&env)
}

/// False if the manager did not come to it in time.
#[napi(catch_unwind)]
pub fn notify_barrier(env: Env, socket: String) -> Result<bool> {
    notify::barrier(&socket).or_throw(&env)
}
