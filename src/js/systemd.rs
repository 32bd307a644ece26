use napi::{Env, Result};
use napi_derive::napi;

use super::bridge::error::OrThrow;
use crate::daemon::systemd::{self, Patience};

/// False if nobody listens there. `patient`: waits for a while if too much is waiting to be read.
#[napi(catch_unwind)]
pub fn notify(env: Env, socket: String, state: String, patient: bool) -> Result<bool> {
    let patience = if patient { Patience::usual() } else { Patience::None };
    systemd::notify(&socket, &state, patience).or_throw(&env)
}

/// Sends `state` to a predecessor and waits until the service manager knows this process. Returns false if no process
/// listens, or if the predecessor does not close its socket in time.
#[napi(catch_unwind)]
pub fn notify_predecessor(env: Env, socket: String, state: String) -> Result<bool> {
    systemd::notify_predecessor(&socket, &state).or_throw(&env)
}
