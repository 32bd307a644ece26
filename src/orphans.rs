//! Children that this process has not started: orphans of its descendants, which it was given as PID 1 or as a subreaper.

use nix::errno::Errno;

use crate::children;
use crate::error::{During, Error, Result};
use crate::sys::process::{self, Waited, Which};

/// Only children of the calling thread: the others' are started, and waited for, without our knowing.
const SCOPE: libc::c_int = libc::WEXITED | libc::WNOHANG | libc::__WNOTHREAD;

/// The zombies among this thread's children, but for procnative's own and `others`.
pub fn zombies(others: &[i32]) -> Result<Vec<i32>> {
    let list = c"/proc/thread-self/children";
    let children = std::fs::read_to_string("/proc/thread-self/children")
        .map_err(|error| Error::of_open(&error, list))?;
    let mut zombies = Vec::new();
    for pid in children.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()) {
        if others.contains(&pid) || children::is_ours(pid) {
            continue;
        }
        match process::waitid(Which::Pid(pid), SCOPE | libc::WNOWAIT) {
            Ok(Some(_)) => zombies.push(pid),
            Ok(None) | Err(Errno::ECHILD) => {}
            Err(errno) => return Err(errno).during("waitid"),
        }
    }
    Ok(zombies)
}

/// Reaps one. None where it is gone, or no zombie.
pub fn reap(pid: i32) -> Result<Option<Waited>> {
    match children::take(Which::Pid(pid), SCOPE) {
        Err(Errno::ECHILD) => Ok(None),
        result => result.during("waitid"),
    }
}
