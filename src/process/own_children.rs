//! The children that procnative has started and nobody has reaped yet: those are not the runtime's.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use libc::c_int;

use crate::sys::process::{self, State, Waited, Which};

static OURS: Mutex<Ours> = Mutex::new(Ours { claims: BTreeMap::new(), last: 0 });

struct Ours {
    claims: BTreeMap<i32, u64>,
    last: u64,
}

/// That a child was started here. It tells two children apart that had one number after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim(u64);

fn ours() -> MutexGuard<'static, Ours> {
    OURS.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn add(pid: i32) -> Claim {
    let mut ours = ours();
    ours.last += 1;
    let claim = ours.last;
    ours.claims.insert(pid, claim);
    Claim(claim)
}

pub fn is_ours(pid: i32) -> bool {
    ours().claims.contains_key(&pid)
}

/// Leaves a child to whoever wants to reap it, or has.
pub fn forget(pid: i32, claim: Claim) {
    let mut ours = ours();
    if ours.claims.get(&pid) == Some(&claim.0) {
        ours.claims.remove(&pid);
    }
}

/// waitid(2) that takes what it tells, without waiting. The list is locked meanwhile: a number that has become free is
/// not taken off it once another thread's new child has it.
pub fn take(which: Which<'_>, flags: c_int) -> nix::Result<Option<Waited>> {
    let mut ours = ours();
    let waited = process::waitid(which, flags | libc::WNOHANG)?;
    if let Some(Waited { pid, state: State::Ended(_), .. }) = waited {
        ours.claims.remove(&pid);
    }
    Ok(waited)
}
