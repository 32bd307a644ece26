use std::os::fd::IntoRawFd;

use napi::{Env, Result};
use napi_derive::napi;

use super::bridge::error::OrThrow;
use crate::process::orphans;
use crate::process::wait::{self, Answer, Owned};
use crate::reactor::processes::Ending;
use crate::sys;
use crate::sys::process::{State, Status, Usage, Waited};

/// The state of a process that a wait has returned.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct WaitStatus {
    pub pid: i32,
    pub state: String,
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    pub core_dumped: bool,
    pub usage: Option<ResourceUsage>,
}

/// Used resources, from getrusage(2): times in microseconds, memory in KiB.
#[napi(object)]
pub struct ResourceUsage {
    #[napi(js_name = "userCPUTime")]
    pub user_cpu_time: f64,
    #[napi(js_name = "systemCPUTime")]
    pub system_cpu_time: f64,
    #[napi(js_name = "maxRSS")]
    pub max_rss: f64,
}

/// The children that the runtime has started in this thread. `isComplete`: the runtime publishes all its children.
#[napi(object)]
pub struct OwnedChildren {
    pub pids: Vec<i32>,
    pub is_complete: bool,
}

/// The options of waitpid(2).
#[napi(object)]
pub struct WaitFlags {
    pub nohang: bool,
    pub untraced: bool,
    pub continued: bool,
    pub nowait: bool,
}

/// The result of `waitpid`: a status, or a child that belongs or may belong to the runtime. Has neither if no child has changed its
/// state.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct WaitAnswer {
    pub status: Option<WaitStatus>,
    pub owned: Option<i32>,
}

/// waitpid(2). Without `owned`, reaps children of the runtime, too.
#[napi(catch_unwind)]
pub fn waitpid(env: Env, pid: i32, flags: WaitFlags, owned: Option<OwnedChildren>) -> Result<WaitAnswer> {
    let owned = owned.map(Owned::from);
    Ok(match wait::wait(pid, flags.into(), owned.as_ref()).or_throw(&env)? {
        Answer::Nothing => WaitAnswer { status: None, owned: None },
        Answer::Changed(waited) => WaitAnswer { status: Some(waited.into()), owned: None },
        Answer::Owned(pid) => WaitAnswer { status: None, owned: Some(pid) },
    })
}

/// Returns true if a process is, or may be, a child that the runtime reaps.
#[napi(catch_unwind)]
pub fn is_owned(env: Env, pid: i32, owned: OwnedChildren) -> Result<bool> {
    wait::is_owned(pid, &owned.into()).or_throw(&env)
}

/// Opens the kernel's list of this thread's children. Returns a descriptor.
#[napi(catch_unwind)]
pub fn open_children(env: Env) -> Result<i32> {
    orphans::open_list().or_throw(&env).map(IntoRawFd::into_raw_fd)
}

/// Returns the pids of the zombies in the list, except for children that procnative has started.
#[napi(catch_unwind)]
pub fn find_zombies(env: Env, list: i32) -> Result<Vec<i32>> {
    orphans::zombies(sys::fd::borrow(list)).or_throw(&env)
}

/// Returns true if a child of any thread of this process is a zombie.
#[napi(catch_unwind)]
pub fn has_zombies(env: Env) -> Result<bool> {
    orphans::has_zombies().or_throw(&env)
}

/// Reaps a child. Null if the child is gone or is not a zombie.
#[napi(catch_unwind)]
pub fn reap_orphan(env: Env, pid: i32) -> Result<Option<WaitStatus>> {
    orphans::reap(pid).or_throw(&env).map(|waited| waited.map(Into::into))
}

impl From<OwnedChildren> for Owned {
    fn from(owned: OwnedChildren) -> Self {
        Self { pids: owned.pids, is_complete: owned.is_complete }
    }
}

impl From<WaitFlags> for libc::c_int {
    fn from(flags: WaitFlags) -> Self {
        let flag = |given, flag| if given { flag } else { 0 };
        libc::WEXITED
            | flag(flags.nohang, libc::WNOHANG)
            | flag(flags.untraced, libc::WSTOPPED)
            | flag(flags.continued, libc::WCONTINUED)
            | flag(flags.nowait, libc::WNOWAIT)
    }
}

impl From<Waited> for WaitStatus {
    fn from(Waited { pid, state, usage }: Waited) -> Self {
        let usage = Some(usage);
        match state {
            State::Ended(status) => Ending { pid, status: Some(status), usage }.into(),
            State::Stopped { signal } => Self::new(pid, "stopped", usage).by(signal),
            State::Continued => Self::new(pid, "continued", usage),
        }
    }
}

impl From<Ending> for WaitStatus {
    fn from(Ending { pid, status, usage }: Ending) -> Self {
        match status {
            Some(Status::Exited(code)) => Self { exit_code: Some(code), ..Self::new(pid, "exited", usage) },
            Some(Status::Killed { signal, core_dumped }) => {
                Self { core_dumped, ..Self::new(pid, "killed", usage).by(signal) }
            }
            None => Self::new(pid, "unknown", usage),
        }
    }
}

impl WaitStatus {
    fn new(pid: i32, state: &str, usage: Option<Usage>) -> Self {
        let usage = usage.map(Into::into);
        Self { pid, state: state.into(), exit_code: None, signal: None, core_dumped: false, usage }
    }

    fn by(self, signal: i32) -> Self {
        Self { signal: Some(signal), ..self }
    }
}

impl From<Usage> for ResourceUsage {
    fn from(usage: Usage) -> Self {
        let microseconds = |time: libc::timeval| (time.tv_sec * 1_000_000 + time.tv_usec) as f64;
        Self {
            user_cpu_time: microseconds(usage.user),
            system_cpu_time: microseconds(usage.system),
            max_rss: usage.max_rss as f64,
        }
    }
}
