use napi::{Env, Result};
use napi_derive::napi;

use super::bridge::error::OrThrow;
use crate::process::session;

#[napi(catch_unwind)]
pub fn setsid(env: Env) -> Result<i32> {
    session::setsid().or_throw(&env)
}

#[napi(catch_unwind)]
pub fn getsid(env: Env, pid: i32) -> Result<i32> {
    session::getsid(pid).or_throw(&env)
}

#[napi(catch_unwind)]
pub fn getpgid(env: Env, pid: i32) -> Result<i32> {
    session::getpgid(pid).or_throw(&env)
}

#[napi(catch_unwind)]
pub fn setpgid(env: Env, pid: i32, pgid: i32) -> Result<()> {
    session::setpgid(pid, pgid).or_throw(&env)
}

#[napi(catch_unwind)]
pub fn tcgetpgrp(env: Env, fd: i32) -> Result<i32> {
    session::tcgetpgrp(fd).or_throw(&env)
}

#[napi(catch_unwind)]
pub fn tcsetpgrp(env: Env, fd: i32, pgid: i32) -> Result<()> {
    session::tcsetpgrp(fd, pgid).or_throw(&env)
}

#[napi(catch_unwind)]
pub fn tcgetsid(env: Env, fd: i32) -> Result<i32> {
    session::tcgetsid(fd).or_throw(&env)
}

/// Returns the path of the controlling terminal. Null without one.
#[napi(catch_unwind)]
pub fn controlling_terminal(env: Env) -> Result<Option<String>> {
    session::controlling_terminal().or_throw(&env)
}

/// Returns true if the process began with the calling thread.
#[napi(catch_unwind)]
pub fn is_main_thread() -> bool {
    session::is_main_thread()
}

#[napi(catch_unwind)]
pub fn set_child_subreaper(env: Env, enabled: bool) -> Result<()> {
    session::set_child_subreaper(enabled).or_throw(&env)
}

#[napi(catch_unwind)]
pub fn is_child_subreaper(env: Env) -> Result<bool> {
    session::is_child_subreaper().or_throw(&env)
}

/// Sets the signal that this thread gets when its parent dies. 0 clears the signal.
#[napi(catch_unwind)]
pub fn set_parent_death_signal(env: Env, signal: i32) -> Result<()> {
    session::set_parent_death_signal(signal).or_throw(&env)
}
