use napi::{Env, Result};
use napi_derive::napi;

use super::bridge::error::OrThrow;
use crate::daemon::systemd::{self, WhenFull};

/// Sends `state` to `socket`. Returns false if no process listens there. `isPatient`: waits while the queue of the
/// socket is full.
#[napi(catch_unwind)]
pub fn notify(env: Env, socket: String, state: String, is_patient: bool) -> Result<bool> {
    let when_full = if is_patient { WhenFull::wait_for_manager() } else { WhenFull::Fail };
    systemd::notify(&socket, &state, when_full).or_throw(&env)
}

/// Sends `state` to a predecessor and waits until the service manager knows this process. Returns false if no process
/// listens, or if the predecessor does not close its socket in time.
#[napi(catch_unwind)]
pub fn notify_predecessor(env: Env, socket: String, state: String) -> Result<bool> {
    systemd::notify_predecessor(&socket, &state).or_throw(&env)
}
