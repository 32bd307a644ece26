//! Starts a child of this process.

use std::os::fd::{AsFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

use super::child::{self, Step};
use super::guard::Shield;
use super::shared::{Shared, step_failed};
use super::stack::Stack;
use crate::clone::plan::Plan;
use crate::error::{During, Result};
use crate::sys::process::{self, Which};

/// A child that has begun its program, or was killed before. The owner must reap it.
#[derive(Debug)]
pub struct Child {
    pub pid: i32,
    pub pidfd: OwnedFd,
}

/// Starts `plan`. Returns when its program has begun.
pub fn once(plan: &mut Plan) -> Result<Child> {
    let mut memory = Shared::prepare(plan)?;
    // No exit signal: a child that fails before its exec sends no SIGCHLD, and a plain waitpid(2) can't reap it. See
    // __WCLONE in waitpid(2). execve(2) sets the exit signal to SIGCHLD.
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD;
    let pid = Stack::with(|stack| {
        let _shield = Shield::new(memory.credentials.is_some());
        let options = &raw mut *memory.options;
        // SAFETY: `program` follows the rules at the head of its file, on its own stack. CLONE_VFORK waits until the
        // child has exec'd or died, and `memory` keeps the targets of all pointers in the options until then. The
        // kernel writes the pidfd before it runs the child.
        let pid = unsafe {
            let pidfd = &raw mut (*options).report.pidfd;
            libc::clone(child::program, stack.top(), flags, options.cast(), pidfd)
        };
        Errno::result(pid).during("clone")
    })?;
    let report = memory.report();
    // SAFETY: the clone has succeeded, so the kernel has written a new descriptor there.
    let pidfd = unsafe { OwnedFd::from_raw_fd(report.pidfd) };
    if report.step == Step::None {
        return Ok(Child { pid, pidfd });
    }
    process::reap(Which::Pidfd(pidfd.as_fd())).during("waitid")?;
    Err(step_failed(&report, plan))
}
