//! waitid(2), kill(2), getrlimit(2) and prctl(2).

use std::os::fd::{AsRawFd, BorrowedFd};

use libc::{c_int, id_t, idtype_t};
use nix::errno::Errno;
use nix::sys::signal::Signal;

/// The way a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Exited(i32),
    Killed { signal: i32, core_dumped: bool },
}

impl Status {
    /// Converts `si_code` and `si_status` of waitid(2).
    pub fn from_waited(code: i32, status: i32) -> Self {
        match code {
            libc::CLD_EXITED => Self::Exited(status),
            code => Self::Killed { signal: status, core_dumped: code == libc::CLD_DUMPED },
        }
    }

    /// Converts a status of waitpid(2).
    pub fn from_raw(status: i32) -> Self {
        if libc::WIFEXITED(status) {
            Self::Exited(libc::WEXITSTATUS(status))
        } else {
            Self::Killed { signal: libc::WTERMSIG(status), core_dumped: libc::WCOREDUMP(status) }
        }
    }
}

/// The state of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Ended(Status),
    Stopped { signal: i32 },
    Continued,
}

/// The resource usage of a child and of its descendants that have been waited for: getrusage(2).
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    pub user: libc::timeval,
    pub system: libc::timeval,
    /// In KiB.
    pub max_rss: i64,
}

/// A result of waitid(2).
#[derive(Debug, Clone, Copy)]
pub struct Waited {
    pub pid: i32,
    pub state: State,
    pub usage: Usage,
}

/// The children to wait for.
#[derive(Debug, Clone, Copy)]
pub enum Which<'fd> {
    Any,
    Pid(i32),
    /// A process group; 0: the caller's group.
    Group(i32),
    /// The process of a pidfd, and never another process with the same pid. Since Linux 5.4.
    Pidfd(BorrowedFd<'fd>),
}

/// Waits for a child: waitid(2). `flags` say which changes to wait for. Signals don't interrupt the wait. Returns None
/// with WNOHANG if no child has changed.
pub fn waitid(which: Which<'_>, flags: c_int) -> nix::Result<Option<Waited>> {
    let (kind, id): (idtype_t, id_t) = match which {
        Which::Any => (libc::P_ALL, 0),
        Which::Pid(pid) => (libc::P_PID, pid as id_t),
        Which::Group(group) => (libc::P_PGID, group as id_t),
        Which::Pidfd(pidfd) => (libc::P_PIDFD, pidfd.as_raw_fd() as id_t),
    };
    // SAFETY: structs of numbers, for which zeros are valid.
    let (mut info, mut used): (libc::siginfo_t, libc::rusage) = unsafe { std::mem::zeroed() };
    loop {
        // The raw system call, because waitid(2) of the C library does not return the resource usage.
        // SAFETY: the kernel writes the two structs.
        let asked = unsafe {
            libc::syscall(libc::SYS_waitid, kind, id, &raw mut info, flags as libc::c_long, &raw mut used)
        };
        match Errno::result(asked) {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
            Ok(_) => break,
        }
    }
    // SAFETY: waitid(2) has filled the fields of SIGCHLD, or left them zero.
    let (pid, value) = unsafe { (info.si_pid(), info.si_status()) };
    let state = match info.si_code {
        libc::CLD_STOPPED | libc::CLD_TRAPPED => State::Stopped { signal: value },
        libc::CLD_CONTINUED => State::Continued,
        code => State::Ended(Status::from_waited(code, value)),
    };
    let usage = Usage { user: used.ru_utime, system: used.ru_stime, max_rss: used.ru_maxrss };
    Ok((pid != 0).then_some(Waited { pid, state, usage }))
}

/// Waits for the end of a child, and reaps it. Also waits for a child that was cloned without SIGCHLD (__WALL).
pub fn reap(which: Which<'_>) -> nix::Result<(i32, Status)> {
    end_of(which, 0)
}

/// Like `reap`, but leaves the child a zombie.
pub fn await_end(pid: i32) -> nix::Result<Status> {
    end_of(Which::Pid(pid), libc::WNOWAIT).map(|(_, status)| status)
}

fn end_of(which: Which<'_>, flags: c_int) -> nix::Result<(i32, Status)> {
    match waitid(which, flags | libc::WEXITED | libc::__WALL)? {
        Some(Waited { pid, state: State::Ended(status), .. }) => Ok((pid, status)),
        // Unreachable: the call waits, and only for an end.
        _ => Err(Errno::EINVAL),
    }
}

/// Sends a signal to a process, or to a process group if `pid` is negative: kill(2). The caller must hold a member
/// unreaped, so that the number can't belong to another process or group.
pub fn kill(pid: i32, signal: Signal) -> nix::Result<()> {
    // SAFETY: passes numbers only.
    Errno::result(unsafe { libc::kill(pid, signal as i32) }).map(drop)
}

/// Returns true if this process has no RLIMIT_FSIZE. The programs that it starts inherit the limit.
pub fn may_write_any_size() -> nix::Result<bool> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one struct.
    Errno::result(unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) })?;
    Ok(limit.rlim_cur == libc::RLIM_INFINITY)
}

/// Sets the parent death signal, or clears it with 0: PR_SET_PDEATHSIG in prctl(2).
pub fn set_parent_death_signal(signal: i32) -> nix::Result<()> {
    // SAFETY: passes numbers only.
    Errno::result(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal as libc::c_ulong) }).map(drop)
}

/// Makes this process a subreaper, or ends that: PR_SET_CHILD_SUBREAPER in prctl(2).
pub fn set_child_subreaper(enabled: bool) -> nix::Result<()> {
    // SAFETY: passes numbers only.
    Errno::result(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, libc::c_ulong::from(enabled)) })
        .map(drop)
}

/// Returns true if this process is a subreaper: PR_GET_CHILD_SUBREAPER in prctl(2).
pub fn is_child_subreaper() -> nix::Result<bool> {
    let mut enabled = 0;
    // SAFETY: the kernel writes one int.
    Errno::result(unsafe { libc::prctl(libc::PR_GET_CHILD_SUBREAPER, &raw mut enabled) })?;
    Ok(enabled != 0)
}

/// Sends a signal to this process. A handler of the process may catch it.
pub fn send_to_self(signal: i32) -> nix::Result<()> {
    // SAFETY: passes numbers only.
    Errno::result(unsafe { libc::kill(libc::getpid(), signal) }).map(drop)
}

/// Registers `handler` with atexit(3), on the first call only.
pub fn at_exit_once(handler: extern "C" fn()) {
    static ONCE: std::sync::Once = std::sync::Once::new();
    // SAFETY: the handler is a function of this library, which is never unloaded. napi keeps the library loaded once a
    // thread may settle a promise. Node never unloads an addon of the main thread.
    ONCE.call_once(|| unsafe {
        libc::atexit(handler);
    });
}

/// Ends this process at once, without exit handlers: _exit(2).
pub fn exit_now(code: i32) -> ! {
    // SAFETY: ends this process, as the caller wants.
    unsafe { libc::_exit(code) }
}
