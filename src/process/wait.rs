//! waitpid(2) that does not reap children of the runtime, which waits for them itself.

use libc::c_int;
use nix::errno::Errno;
use nix::unistd::{self, Pid};

use crate::error::{During, Result};
use crate::process::own_children;
use crate::sys::process::{self, Waited, Which};

/// The children that the runtime has started in this thread.
pub struct Owned {
    pub pids: Vec<i32>,
    /// Whether the runtime publishes all its children. If false, every child may belong to the runtime.
    pub is_complete: bool,
}

/// The result of a wait.
pub enum Answer {
    /// No child has changed its state yet.
    Nothing,
    Changed(Waited),
    /// The child with this pid belongs, or may belong, to the runtime. A number that is not positive names a group, or any
    /// child, as in waitpid(2).
    Owned(i32),
}

/// Converts a `pid` argument of waitpid(2).
fn which(pid: i32) -> Which<'static> {
    match pid {
        -1 => Which::Any,
        1.. => Which::Pid(pid),
        _ => Which::Group(-pid),
    }
}

/// Waits with the flags of waitid(2). Without `owned`, reaps children of the runtime, too.
pub fn wait(pid: i32, flags: c_int, owned: Option<&Owned>) -> Result<Answer> {
    waitid(which(pid), flags, owned).during("waitid")
}

fn waitid(which: Which<'_>, flags: c_int, owned: Option<&Owned>) -> nix::Result<Answer> {
    let only_looks = flags & libc::WNOWAIT != 0;
    let owned = owned.filter(|_| !only_looks);
    if let Some(pid) = owned.map_or(Ok(None), |owned| owned_child(which, owned))? {
        return Ok(Answer::Owned(pid));
    }
    let scope = match which {
        // __WALL: a child that was killed before its exec has no exit signal yet. exec would have set the signal.
        Which::Pid(_) => libc::__WALL,
        // The children that the runtime has started in other threads are unknown here.
        _ if owned.is_some() => libc::__WNOTHREAD | libc::__WALL,
        // Without __WALL, the call skips children that other threads are making daemons of.
        _ => 0,
    };
    loop {
        // Look first, and then reap exactly the child found. A child that joins the group meanwhile may belong to other code.
        let Some(seen) = process::waitid(which, flags | scope | libc::WNOWAIT)? else {
            return Ok(Answer::Nothing);
        };
        if only_looks {
            return Ok(Answer::Changed(seen));
        }
        if owned.is_some_and(|owned| owned.pids.contains(&seen.pid)) {
            return Ok(Answer::Owned(seen.pid));
        }
        match own_children::take(Which::Pid(seen.pid), flags | libc::__WALL) {
            Ok(Some(taken)) => return Ok(Answer::Changed(taken)),
            // Another thread has reaped the child first, or the stopped child has continued.
            Ok(None) => {}
            Err(Errno::ECHILD) if !matches!(which, Which::Pid(_)) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Returns true if a process is, or may be, a child that the runtime reaps.
pub fn is_owned(pid: i32, owned: &Owned) -> Result<bool> {
    owned_child(Which::Pid(pid), owned).during("waitid").map(|child| child.is_some())
}

/// Returns a child that a wait would reap although it belongs, or may belong, to the runtime.
fn owned_child(which: Which<'_>, owned: &Owned) -> nix::Result<Option<i32>> {
    match which {
        Which::Pid(pid) if own_children::is_ours(pid) => Ok(None),
        Which::Pid(pid) if owned.pids.contains(&pid) => Ok(Some(pid)),
        Which::Pid(pid) => {
            let may_be_theirs =
                is_child(pid, 0)? && !(owned.is_complete && is_child(pid, libc::__WNOTHREAD)?);
            Ok(may_be_theirs.then_some(pid))
        }
        Which::Group(group) if owned.is_complete => {
            Ok(owned.pids.iter().copied().find(|&pid| is_in_group(pid, group)))
        }
        Which::Group(group) => Ok(Some(-group)),
        _ if owned.is_complete => Ok(owned.pids.first().copied()),
        _ => Ok(Some(-1)),
    }
}

/// Returns true for a child of this process or, with __WNOTHREAD, of this thread.
fn is_child(pid: i32, scope: c_int) -> nix::Result<bool> {
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
    match process::waitid(Which::Pid(pid), flags | scope) {
        Err(Errno::ECHILD) => Ok(false),
        result => result.map(|_| true),
    }
}

fn is_in_group(pid: i32, group: i32) -> bool {
    let of = |pid| unistd::getpgid(Some(Pid::from_raw(pid))).map(Pid::as_raw);
    let wanted = if group == 0 { of(0) } else { Ok(group) };
    of(pid).is_ok() && of(pid) == wanted
}
