//! The children that procnative has started and nobody has reaped yet: those are not the runtime's.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use libc::c_int;

use crate::sys::process::{self, State, Waited, Which};

static OURS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

fn ours() -> MutexGuard<'static, BTreeSet<i32>> {
    OURS.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn add(pid: i32) {
    ours().insert(pid);
}

pub fn is_ours(pid: i32) -> bool {
    ours().contains(&pid)
}

/// Leaves a child to whoever wants to reap it.
pub fn forget(pid: i32) {
    ours().remove(&pid);
}

/// waitid(2) that takes what it tells, without waiting. The list is locked meanwhile: a number that has become free is
/// not taken off it once another thread's new child has it.
pub fn take(which: Which<'_>, flags: c_int) -> nix::Result<Option<Waited>> {
    let mut ours = ours();
    let waited = process::waitid(which, flags | libc::WNOHANG)?;
    if let Some(Waited { pid, state: State::Ended(_), .. }) = waited {
        ours.remove(&pid);
    }
    Ok(waited)
}
