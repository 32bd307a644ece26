//! waitpid(2) that takes nothing away from the runtime, which waits for children of its own.

use libc::c_int;
use nix::errno::Errno;
use nix::unistd::{self, Pid};

use crate::error::{During, Result};
use crate::process::own_children;
use crate::sys::process::{self, Waited, Which};

/// What the runtime is known to have started in this thread.
pub struct Owned {
    pub pids: Vec<i32>,
    /// Whether it tells: else every child may be its own.
    pub known: bool,
}

/// What a wait has come to.
pub enum Answer {
    /// There is nothing to tell yet.
    Nothing,
    Told(Waited),
    /// This one is the runtime's, or may be.
    Owned(i32),
}

/// How a process is named to waitpid(2).
fn which(pid: i32) -> Which<'static> {
    match pid {
        -1 => Which::Any,
        1.. => Which::Pid(pid),
        _ => Which::Group(-pid),
    }
}

/// Waits as `flags` say; without `owned`, for whatever there is.
pub fn wait(pid: i32, flags: c_int, owned: Option<&Owned>) -> Result<Answer> {
    waitid(which(pid), flags, owned).during("waitid")
}

fn waitid(which: Which<'_>, flags: c_int, owned: Option<&Owned>) -> nix::Result<Answer> {
    let looks_only = flags & libc::WNOWAIT != 0;
    let owned = owned.filter(|_| !looks_only);
    if let Some(pid) = owned.map_or(Ok(None), |owned| owner(which, owned))? {
        return Ok(Answer::Owned(pid));
    }
    let scope = match which {
        // __WALL: also what was killed before its exec, which would have set its exit signal.
        Which::Pid(_) => libc::__WALL,
        // What the runtime has started in other threads is not known here.
        _ if owned.is_some() => libc::__WNOTHREAD | libc::__WALL,
        // Not what other threads are about to make daemons of.
        _ => 0,
    };
    loop {
        // A look first, and then exactly that one: who has come into the group meanwhile may be somebody else's.
        let Some(seen) = process::waitid(which, flags | scope | libc::WNOWAIT)? else {
            return Ok(Answer::Nothing);
        };
        if looks_only {
            return Ok(Answer::Told(seen));
        }
        if owned.is_some_and(|owned| owned.pids.contains(&seen.pid)) {
            return Ok(Answer::Owned(seen.pid));
        }
        match own_children::take(Which::Pid(seen.pid), flags | libc::__WALL) {
            Ok(Some(taken)) => return Ok(Answer::Told(taken)),
            // Another thread was quicker, or it goes on since.
            Ok(None) => {}
            Err(Errno::ECHILD) if !matches!(which, Which::Pid(_)) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Whether a process is, or may be, the runtime's to reap.
pub fn is_owned(pid: i32, owned: &Owned) -> Result<bool> {
    owner(Which::Pid(pid), owned).during("waitid").map(|owner| owner.is_some())
}

/// One that is the runtime's, or may be, among those that a wait would be for.
fn owner(which: Which<'_>, owned: &Owned) -> nix::Result<Option<i32>> {
    match which {
        Which::Pid(pid) if own_children::is_ours(pid) => Ok(None),
        Which::Pid(pid) if owned.pids.contains(&pid) => Ok(Some(pid)),
        Which::Pid(pid) => {
            let may_be_theirs = is_child(pid, 0)? && !(owned.known && is_child(pid, libc::__WNOTHREAD)?);
            Ok(may_be_theirs.then_some(pid))
        }
        Which::Group(group) if owned.known => Ok(owned.pids.iter().copied().find(|&pid| is_in(pid, group))),
        Which::Group(group) => Ok(Some(-group)),
        _ if owned.known => Ok(owned.pids.first().copied()),
        _ => Ok(Some(-1)),
    }
}

/// Whether it is a child of this process or, with __WNOTHREAD, of this thread.
fn is_child(pid: i32, scope: c_int) -> nix::Result<bool> {
    let look = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
    match process::waitid(Which::Pid(pid), look | scope) {
        Err(Errno::ECHILD) => Ok(false),
        result => result.map(|_| true),
    }
}

fn is_in(pid: i32, group: i32) -> bool {
    let of = |pid| unistd::getpgid(Some(Pid::from_raw(pid))).map(Pid::as_raw);
    let wanted = if group == 0 { of(0) } else { Ok(group) };
    of(pid).is_ok() && of(pid) == wanted
}
