//! The exit status of a process that is not our child, so that waitpid(2) does not report it.

use std::os::fd::BorrowedFd;

use nix::errno::Errno;

use crate::proc;
use crate::sys::pidfd;
use crate::sys::process::Status;

/// Returns the status of a dead process. None if the kernel doesn't reveal it. /proc has the status until the parent
/// reaps the process. The pidfd has the status after that, since Linux 6.15.
pub fn of_stranger(pid: i32, pidfd: BorrowedFd<'_>) -> Option<Status> {
    let status = of_zombie(pid);
    // The process is not reaped yet, so the pid was not another process's when /proc was read.
    if pidfd::send_signal(pidfd, 0) != Err(Errno::ESRCH) {
        return status;
    }
    pidfd::exit_status(pidfd)
}

/// Returns the status of a zombie: field 52 of proc_pid_stat(5), exit_code. If we may not trace the process, the kernel
/// shows 0 there, and also refuses to read the link. So the link tells whether the field is true.
fn of_zombie(pid: i32) -> Option<Status> {
    std::fs::read_link(format!("/proc/{pid}/ns/user")).ok()?;
    let stat = String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/stat")).ok()?).into_owned();
    let status = proc::stat::field(&stat, 52)?.parse().ok()?;
    (proc::stat::field(&stat, 3) == Some("Z")).then(|| Status::from_raw(status))
}
