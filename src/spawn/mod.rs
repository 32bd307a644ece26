//! The parent's half of making a process: block signals, clone, read the shared report, reap.
//!
//! clone(CLONE_VM | CLONE_VFORK) copies no page table, so the cost does not grow with the parent's memory. The
//! child borrows the parent's memory until it has exec'd or died; the parent's thread stands still until then.
#![allow(unsafe_code)]

pub mod child;
mod guard;
mod stack;

use std::ffi::{CString, c_char};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

use child::{Credentials, Orders, Report, Step};
use guard::{Dumpable, SignalsBlocked};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use stack::Stack;

use crate::error::{During, Error, Result};
use crate::plan::Plan;
use crate::sys;
use crate::sys::process::Status;

/// A process that was started as a daemon and is, until the caller ends, the caller's child.
#[derive(Debug)]
pub struct Daemon {
    pub pid: i32,
    /// Its session and its process group, named after the middle process that is gone.
    pub group: i32,
    pidfd: OwnedFd,
}

impl AsFd for Daemon {
    /// The pidfd: readable once the daemon is dead.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

/// Starts `plan` by a double fork: a middle process calls setsid(2) and clones the daemon, which therefore leads
/// nothing and can gain no terminal. The daemon is the caller's child (CLONE_PARENT) and dies with it until it
/// clears its death signal.
pub fn daemon(plan: &mut Plan) -> Result<Daemon> {
    let mut memory = Shared::prepare(plan)?;
    let (stack, daemon_stack) = (Stack::new()?, Stack::new()?);
    memory.orders.daemon_stack = daemon_stack.top();

    let (group, middle) = {
        let _blocked = SignalsBlocked::new();
        let _dumpable = memory.credentials.is_some().then(Dumpable::save);
        let group = memory.clone_middle(&stack)?;
        (group, reap_middle(group)?)
    };
    // SAFETY: both children have exec'd or are gone: nobody else reads or writes the report any more.
    let report = unsafe { ptr::read_volatile(memory.orders.report) };
    let pidfd = (middle.status == Status::Exited(0) || middle.left_daemon).then(|| {
        // SAFETY: the daemon was cloned, so the kernel put a new descriptor there, into the table that we share.
        unsafe { OwnedFd::from_raw_fd(report.pidfd) }
    });

    match (middle.status, pidfd) {
        (Status::Exited(0), Some(pidfd)) if report.step == Step::None => {
            Ok(Daemon { pid: report.pid, group, pidfd })
        }
        (Status::Exited(0), _) => {
            sys::process::wait(report.pid).during("waitpid")?;
            Err(step_failed(&report, plan))
        }
        (Status::Exited(_), _) => Err(step_failed(&report, plan)),
        // Somebody killed the middle process: the clone that it was there for was cut short.
        (Status::Killed { .. }, _) => Err(Error { syscall: "clone", errno: Errno::EINTR, path: None }),
    }
}

/// The memory that the children read and write, beside their stacks.
struct Shared<'plan> {
    orders: Box<Orders>,
    credentials: Option<Box<Credentials>>,
    _pointers: [Vec<*const c_char>; 2],
    _own_pid: Vec<*mut c_char>,
    _report: Box<Report>,
    _plan: std::marker::PhantomData<&'plan mut Plan>,
}

impl<'plan> Shared<'plan> {
    /// The last allocations before the clone.
    fn prepare(plan: &'plan mut Plan) -> Result<Self> {
        let argv = null_terminated(&plan.argv);
        let envp = null_terminated(&plan.environment);
        let own_pid: Vec<_> = plan.own_pid.iter().map(|&at| digits_of(&plan.environment[at])).collect();
        let credentials = plan.identity.as_ref().map(|identity| {
            Box::new(Credentials {
                uid: identity.uid.unwrap_or(0),
                gid: identity.gid,
                groups: identity.groups.as_ref().map_or(ptr::null(), Vec::as_ptr),
                groups_len: identity.groups.as_ref().map_or(0, Vec::len),
                change_uid: identity.uid.is_some(),
            })
        });
        let mut report = Box::new(Report { step: Step::None, errno: 0, pid: 0, pidfd: -1 });
        let orders = Box::new(Orders {
            program: plan.program.as_ptr(),
            argv: argv.as_ptr(),
            envp: envp.as_ptr(),
            directory: plan.directory.as_ref().map_or(ptr::null(), |path| path.as_ptr()),
            enterable: plan.enterable.as_ref().map_or(ptr::null(), |path| path.probe.as_ptr()),
            moves: plan.moves.as_mut_ptr(),
            moves_len: plan.moves.len(),
            close_one_by_one: if sys::fd::has_close_range() { -1 } else { crate::fd::highest_open()? },
            umask: plan.umask as i32,
            credentials: credentials.as_deref().map_or(ptr::null(), |one| one),
            launcher: nix::unistd::getpid().as_raw(),
            own_pid: own_pid.as_ptr(),
            own_pid_len: own_pid.len(),
            daemon_stack: ptr::null_mut(),
            report: &raw mut *report,
        });
        Ok(Self {
            orders,
            credentials,
            _pointers: [argv, envp],
            _own_pid: own_pid,
            _report: report,
            _plan: std::marker::PhantomData,
        })
    }

    /// Returns once the middle process has ended, and the daemon therefore has exec'd or died.
    fn clone_middle(&mut self, stack: &Stack) -> Result<i32> {
        // No exit signal: the middle process is nobody's SIGCHLD. CLONE_FILES: the pidfd that it is given for
        // the daemon lands in our table.
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_FILES;
        let orders = &raw mut *self.orders;
        // SAFETY: `middle` follows the rules at the head of its file, on a stack of its own; all that the orders
        // point to is kept by `self` until the children are done with it.
        let pid = unsafe { libc::clone(child::middle, stack.top(), flags, orders.cast()) };
        Errno::result(pid).during("clone")
    }
}

/// How the middle process ended.
struct Middle {
    status: Status,
    /// It was killed after it had cloned the daemon, which has been killed too.
    left_daemon: bool,
}

/// Reaps the middle process. Where it was killed it may have left a daemon that still runs in our memory: that
/// one is killed and reaped too, before anything is freed. The dead middle process keeps the number of their
/// group from being given to somebody else while we do so.
fn reap_middle(middle: i32) -> Result<Middle> {
    let status = sys::process::peek(middle).during("waitid")?;
    let mut left_daemon = false;
    if !matches!(status, Status::Exited(_)) {
        sys::process::kill_group(middle, Signal::SIGKILL);
        while let Ok((pid, _)) = sys::process::wait_group(middle) {
            left_daemon |= pid != middle;
        }
    }
    match sys::process::wait(middle) {
        Ok(_) | Err(Errno::ECHILD) => Ok(Middle { status, left_daemon }),
        Err(errno) => Err(Error { syscall: "waitpid", errno, path: None }),
    }
}

/// Words the child's step: the call, its errno, its path.
fn step_failed(report: &Report, plan: &Plan) -> Error {
    let (syscall, path): (_, Option<&CString>) = match report.step {
        Step::None | Step::Clone => ("clone", None),
        Step::Setsid => ("setsid", None),
        Step::Duplicate => ("dup2", None),
        Step::CloseRange => ("close_range", None),
        Step::Access => ("chdir", plan.enterable.as_ref().map(|one| &one.named)),
        Step::ChangeDirectory => ("chdir", plan.directory.as_ref()),
        Step::SetGroups => ("setgroups", None),
        Step::SetGid => ("setgid", None),
        Step::SetUid => ("setuid", None),
        Step::ParentDeathSignal => ("prctl", None),
        Step::Exec => ("execve", Some(&plan.program)),
    };
    Error { syscall, errno: Errno::from_raw(report.errno), path: path.cloned() }
}

fn null_terminated(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|one| one.as_ptr()).chain([ptr::null()]).collect()
}

/// Where the digits begin that the plan reserved at the end of `variable`.
fn digits_of(variable: &CString) -> *mut c_char {
    let digits = variable.as_bytes().iter().rev().take_while(|byte| **byte == b'0').count();
    // SAFETY: stays within the string.
    unsafe { variable.as_ptr().add(variable.as_bytes().len() - digits).cast_mut() }
}
