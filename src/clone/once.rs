//! A child of the calling thread's.

use std::os::fd::{AsFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

use super::child::{self, Step};
use super::guard::Shield;
use super::shared::{Shared, step_failed};
use super::stack::Stack;
use crate::clone::plan::Plan;
use crate::error::{During, Result};
use crate::sys::process::{self, Which};

/// A child that has begun its program, or was killed on the way there. It is for somebody to reap.
#[derive(Debug)]
pub struct Child {
    pub pid: i32,
    pub pidfd: OwnedFd,
}

/// Starts `plan`. Returns when its program has begun.
pub fn once(plan: &mut Plan) -> Result<Child> {
    let mut memory = Shared::prepare(plan)?;
    // No exit signal: of a child that comes to nothing nobody hears, and nobody else can reap it. Exec sets SIGCHLD.
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD;
    let pid = Stack::with(|stack| {
        let _shield = Shield::new(memory.credentials.is_some());
        let orders = &raw mut *memory.orders;
        // SAFETY: `program` follows the rules at the head of its file, on a stack of its own; all that the orders point
        // to is kept by `memory` until the child is done with it, which CLONE_VFORK waits for. The kernel writes the
        // pidfd before it runs the child.
        let pid = unsafe {
            let pidfd = &raw mut (*orders).report.pidfd;
            libc::clone(child::program, stack.top(), flags, orders.cast(), pidfd)
        };
        Errno::result(pid).during("clone")
    })?;
    let report = memory.report();
    // SAFETY: there is a child, so the kernel has put a new descriptor there.
    let pidfd = unsafe { OwnedFd::from_raw_fd(report.pidfd) };
    if report.step == Step::None {
        return Ok(Child { pid, pidfd });
    }
    process::reap(Which::Pidfd(pidfd.as_fd())).during("waitid")?;
    Err(step_failed(&report, plan))
}
