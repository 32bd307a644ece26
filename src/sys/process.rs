//! waitpid(2), waitid(2), kill(2) and prctl(2) on processes that may have been cloned without SIGCHLD.

use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::signal::Signal;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Exited(i32),
    Killed { signal: i32 },
}

impl Status {
    /// From a status as waitpid(2) gives it.
    pub fn from_raw(status: i32) -> Self {
        if libc::WIFEXITED(status) {
            Self::Exited(libc::WEXITSTATUS(status))
        } else {
            Self::Killed { signal: libc::WTERMSIG(status) }
        }
    }
}

/// Waits for one child's end and reaps it.
pub fn wait(pid: i32) -> nix::Result<Status> {
    waitpid(pid).map(|(_, status)| status)
}

/// Waits for the end of any child in a process group and reaps it.
pub fn wait_group(group: i32) -> nix::Result<(i32, Status)> {
    waitpid(-group)
}

fn waitpid(which: i32) -> nix::Result<(i32, Status)> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is ours to write. __WALL: also children that send no SIGCHLD.
        match Errno::result(unsafe { libc::waitpid(which, &raw mut status, libc::__WALL) }) {
            Err(Errno::EINTR) => {}
            result => return result.map(|pid| (pid, Status::from_raw(status))),
        }
    }
}

/// Waits for one child's end and leaves it a zombie.
pub fn peek(pid: i32) -> nix::Result<Status> {
    waitid(libc::P_PID, pid, libc::WNOWAIT)
}

/// Waits for the end of a child that a pidfd stands for, and reaps it: never another one that has its number now.
/// Linux 5.4.
pub fn wait_by_pidfd(pidfd: BorrowedFd<'_>) -> nix::Result<Status> {
    waitid(libc::P_PIDFD, pidfd.as_raw_fd(), 0)
}

fn waitid(kind: libc::idtype_t, id: i32, flags: i32) -> nix::Result<Status> {
    // SAFETY: a struct of numbers, for which zeros are valid.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let flags = flags | libc::WEXITED | libc::__WALL;
    loop {
        // SAFETY: `info` is ours to write.
        match Errno::result(unsafe { libc::waitid(kind, id as libc::id_t, &raw mut info, flags) }) {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
            Ok(_) => {
                // SAFETY: waitid filled the fields of SIGCHLD.
                let value = unsafe { info.si_status() };
                let exited = info.si_code == libc::CLD_EXITED;
                return Ok(if exited { Status::Exited(value) } else { Status::Killed { signal: value } });
            }
        }
    }
}

/// kill(2), to a process or, if negative, to a group. The caller knows that the number was not given to somebody
/// else meanwhile: it holds a member unreaped.
pub fn kill(pid: i32, signal: Signal) -> nix::Result<()> {
    // SAFETY: numbers only.
    Errno::result(unsafe { libc::kill(pid, signal as i32) }).map(drop)
}

/// prctl(PR_SET_PDEATHSIG); 0 clears it.
pub fn set_parent_death_signal(signal: i32) -> nix::Result<()> {
    // SAFETY: numbers only.
    Errno::result(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal as libc::c_ulong) }).map(drop)
}

/// prctl(PR_SET_CHILD_SUBREAPER).
pub fn set_child_subreaper(enabled: bool) -> nix::Result<()> {
    // SAFETY: numbers only.
    Errno::result(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, libc::c_ulong::from(enabled)) })
        .map(drop)
}

/// prctl(PR_GET_CHILD_SUBREAPER).
pub fn is_child_subreaper() -> nix::Result<bool> {
    let mut enabled = 0;
    // SAFETY: the kernel writes one int.
    Errno::result(unsafe { libc::prctl(libc::PR_GET_CHILD_SUBREAPER, &raw mut enabled) })?;
    Ok(enabled != 0)
}

/// Kills this process by a signal that it may have set a handler for.
pub fn send_to_self(signal: i32) -> nix::Result<()> {
    // SAFETY: numbers only.
    Errno::result(unsafe { libc::kill(libc::getpid(), signal) }).map(drop)
}

/// atexit(3), the first time that it is called.
pub fn at_exit_once(handler: extern "C" fn()) {
    static ONCE: std::sync::Once = std::sync::Once::new();
    // SAFETY: the handler is a function of this library, which is not unloaded: napi keeps it once a thread may settle
    // a promise, and Node never unloads an addon of the main thread.
    ONCE.call_once(|| unsafe {
        libc::atexit(handler);
    });
}

/// _exit(2): ends at once, without exit handlers.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: ends this process, which is what the caller wants.
    unsafe { libc::_exit(code) }
}
