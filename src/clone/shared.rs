//! The memory that a child reads and writes, and the error of its report.

use std::ffi::{CString, c_char};
use std::ptr;

use nix::errno::Errno;
use nix::unistd;

use super::child::{ChildOptions, Credentials, Report, Step};
use crate::clone::fingerprint;
use crate::clone::plan::Plan;
use crate::error::{Error, Result};
use crate::sys;

/// The options of a child, and the memory that they point to, except the stack.
pub struct Shared<'plan> {
    pub options: Box<ChildOptions>,
    pub credentials: Option<Box<Credentials>>,
    _pointers: [Vec<*const c_char>; 3],
    _own_pid: Vec<*mut c_char>,
    _plan: std::marker::PhantomData<&'plan mut Plan>,
}

impl<'plan> Shared<'plan> {
    /// Converts a plan. Makes the last allocations before the clone.
    pub fn prepare(plan: &'plan mut Plan) -> Result<Self> {
        let programs: Vec<_> = plan.candidates.iter().map(|one| one.as_ptr()).chain([ptr::null()]).collect();
        let argv: Vec<_> = plan.argv.pointers().chain([ptr::null()]).collect();
        let variables: Vec<_> =
            plan.own_pid.iter_mut().map(|one| one.variable.as_mut_ptr().cast::<c_char>()).collect();
        let envp: Vec<_> = plan
            .environment
            .pointers()
            .chain(variables.iter().map(|one| one.cast_const()))
            .chain([ptr::null()])
            .collect();
        // SAFETY: the index of the digits is within the variable.
        let own_pid: Vec<_> =
            variables.iter().zip(&plan.own_pid).map(|(at, one)| unsafe { at.add(one.digits) }).collect();
        let credentials = plan.identity.as_ref().map(|identity| {
            Box::new(Credentials {
                uid: identity.uid.unwrap_or(0),
                gid: identity.gid,
                groups: identity.groups.as_ref().map_or(ptr::null(), Vec::as_ptr),
                groups_len: identity.groups.as_ref().map_or(0, Vec::len),
                change_uid: identity.uid.is_some(),
            })
        });
        let options = Box::new(ChildOptions {
            programs: programs.as_ptr(),
            argv: argv.as_ptr(),
            envp: envp.as_ptr(),
            directory: plan.directory.as_ref().map_or(ptr::null(), |path| path.as_ptr()),
            enterable: plan.enterable.as_ref().map_or(ptr::null(), |path| path.probe.as_ptr()),
            moves: plan.moves.as_mut_ptr(),
            moves_len: plan.moves.len(),
            close_one_by_one: if sys::fd::has_close_range() {
                -1
            } else {
                crate::descriptor::fd::highest_open()?
            },
            umask: plan.umask.map_or(-1, |umask| umask as i32),
            credentials: credentials.as_deref().map_or(ptr::null(), |one| one),
            lead_session: plan.job.session,
            group: plan.job.group.unwrap_or(-1),
            controlling_terminal: plan.job.controlling_terminal.unwrap_or(-1),
            foreground: plan.job.foreground.unwrap_or(-1),
            keeper_event: -1,
            death_signal: plan.death_signal.unwrap_or(0),
            parent: unistd::getpid().as_raw(),
            pid_file: plan.pid_file.as_ref().map_or(-1, |file| file.target),
            system: plan.pid_file.as_ref().map_or(0, |_| fingerprint::system()),
            own_pid: own_pid.as_ptr(),
            own_pid_len: own_pid.len(),
            daemon_stack: ptr::null_mut(),
            report: Report { step: Step::None, errno: 0, pid: 0, pidfd: -1, end_code: 0, end_status: 0 },
        });
        Ok(Self {
            options,
            credentials,
            _pointers: [programs, argv, envp],
            _own_pid: own_pid,
            _plan: std::marker::PhantomData,
        })
    }

    /// Returns the memory that a keeper still uses after the daemon has begun its program.
    pub fn into_options(self) -> Box<ChildOptions> {
        self.options
    }

    /// Returns the current report of the children.
    pub fn report(&self) -> Report {
        // SAFETY: the memory is ours, and always initialized. A child can still write to it only if the middle process
        // was killed. Only the daemon's pid matters then, which the daemon writes first and at once.
        unsafe { ptr::read_volatile(&raw const self.options.report) }
    }
}

/// Converts the failed step of a report into an error: the system call, its errno, its path.
pub fn step_failed(report: &Report, plan: &Plan) -> Error {
    let pid_file = plan.pid_file.as_ref().map(|file| &file.path);
    let (syscall, path): (_, Option<&CString>) = match report.step {
        Step::None | Step::Clone => ("clone", None),
        Step::Setsid => ("setsid", None),
        Step::SetGroup => ("setpgid", None),
        Step::ControllingTerminal => ("ioctl", None),
        Step::Foreground => ("tcsetpgrp", None),
        Step::Fcntl => ("fcntl", None),
        Step::Duplicate => ("dup2", None),
        Step::CloseRange => ("close_range", None),
        Step::Access => ("chdir", plan.enterable.as_ref().map(|one| &one.named)),
        Step::ChangeDirectory => ("chdir", plan.directory.as_ref()),
        Step::SetGroups => ("setgroups", None),
        Step::SetGid => ("setgid", None),
        Step::SetUid => ("setuid", None),
        Step::ParentDeathSignal => ("prctl", None),
        Step::WritePid => ("pwrite", pid_file),
        Step::CutPidFile => ("ftruncate", pid_file),
        Step::LockPidFile => ("fcntl", pid_file),
        Step::Exec => ("execve", Some(&plan.program)),
    };
    Error { syscall, errno: Errno::from_raw(report.errno), path: path.cloned() }
}
