use napi::{Env, Result};
use napi_derive::napi;

use super::error::OrThrow;
use crate::notify::{self, Patience};

/// False if nobody listens there. `patient`: waits for a while if too much is waiting to be read.
#[napi(catch_unwind)]
pub fn notify(env: Env, socket: String, state: String, patient: bool) -> Result<bool> {
    let patience = if patient { Patience::Some } else { Patience::None };
    notify::notify(&socket, &state, patience).or_throw(&env)
}

/// The same, and waits until it was read. False if nobody listens, or does not come to it in time.
#[napi(catch_unwind)]
pub fn notify_and_wait(env: Env, socket: String, state: String) -> Result<bool> {
    notify::notify_and_wait(&socket, &state).or_throw(&env)
}
