//! The children that procnative has started and that are not reaped yet. The runtime doesn't wait for them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use libc::c_int;

use crate::sys::process::{self, State, Waited, Which};

static OURS: Mutex<Ours> = Mutex::new(Ours { claims: BTreeMap::new(), last: 0 });

struct Ours {
    claims: BTreeMap<i32, u64>,
    last: u64,
}

/// Identifies a child that procnative has started. Distinguishes two children that had the same pid one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim(u64);

fn ours() -> MutexGuard<'static, Ours> {
    OURS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds a child. Returns its claim.
pub fn add(pid: i32) -> Claim {
    let mut ours = ours();
    ours.last += 1;
    let claim = ours.last;
    ours.claims.insert(pid, claim);
    Claim(claim)
}

/// Returns true if procnative has started the child and it is not reaped yet.
pub fn is_ours(pid: i32) -> bool {
    ours().claims.contains_key(&pid)
}

/// Removes a child from the list: other code may reap the child, or has reaped it. Keeps a later child with the same pid.
pub fn forget(pid: i32, claim: Claim) {
    let mut ours = ours();
    if ours.claims.get(&pid) == Some(&claim.0) {
        ours.claims.remove(&pid);
    }
}

/// Reaps by waitid(2), without waiting. Keeps the list locked during the call. Without the lock, this race is possible:
///
/// 1. waitid(2) reaps a child, which frees its pid.
/// 2. Another thread starts a child, which gets this pid, and adds it to the list.
/// 3. This call removes the pid, and with it the other child.
pub fn take(which: Which<'_>, flags: c_int) -> nix::Result<Option<Waited>> {
    let mut ours = ours();
    let waited = process::waitid(which, flags | libc::WNOHANG)?;
    if let Some(Waited { pid, state: State::Ended(_), .. }) = waited {
        ours.claims.remove(&pid);
    }
    Ok(waited)
}
