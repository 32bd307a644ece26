//! How a process has ended that is no child of ours, so that waitpid(2) does not tell.

use std::os::fd::BorrowedFd;

use nix::errno::Errno;

use crate::proc;
use crate::sys::pidfd;
use crate::sys::process::Status;

/// The status of a dead process; None where the kernel keeps it from us. Until its parent has reaped it, /proc has it;
/// from then on the pidfd does, since Linux 6.15.
pub fn of_stranger(pid: i32, pidfd: BorrowedFd<'_>) -> Option<Status> {
    let zombies = of_zombie(pid);
    // Not reaped, so that the number was nobody else's when we looked.
    if pidfd::send_signal(pidfd, 0) != Err(Errno::ESRCH) {
        return zombies;
    }
    pidfd::exit_status(pidfd)
}

/// Field 52, exit_code. To those who may not trace the process it is shown as 0; and the link is refused.
fn of_zombie(pid: i32) -> Option<Status> {
    std::fs::read_link(format!("/proc/{pid}/ns/user")).ok()?;
    let stat = String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/stat")).ok()?).into_owned();
    let status = proc::stat::field(&stat, 52)?.parse().ok()?;
    (proc::stat::field(&stat, 3) == Some("Z")).then(|| Status::from_raw(status))
}
