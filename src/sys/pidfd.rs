//! Processes by pidfds. A pidfd never refers to another process.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

use super::process::Status;

/// Opens a process: pidfd_open(2), since Linux 5.3. The pidfd is close-on-exec.
pub fn open(pid: i32) -> nix::Result<OwnedFd> {
    // SAFETY: passes numbers only.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    // SAFETY: the kernel has just created this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Sends a signal: pidfd_send_signal(2), since Linux 5.1.
pub fn send_signal(pidfd: BorrowedFd<'_>, signal: i32) -> nix::Result<()> {
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: passes numbers and a null siginfo.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, no_info, 0) };
    Errno::result(sent).map(drop)
}

/// Returns how a reaped process has ended, by ioctl(2) with PIDFD_GET_INFO, since Linux 6.15. None if the kernel does
/// not know the status, or the process is not reaped.
pub fn exit_status(pidfd: BorrowedFd<'_>) -> Option<Status> {
    let mut info = Info { mask: PIDFD_INFO_EXIT, ..Info::default() };
    // SAFETY: the kernel writes at most the size in the request, which is the size of the struct.
    let asked = unsafe { libc::ioctl(pidfd.as_raw_fd(), PIDFD_GET_INFO, &raw mut info) };
    (asked == 0 && info.mask & PIDFD_INFO_EXIT != 0).then(|| Status::from_raw(info.exit_code))
}

/// The first version of struct pidfd_info in linux/pidfd.h.
#[repr(C)]
#[derive(Default)]
struct Info {
    mask: u64,
    cgroup: u64,
    ids: [u32; 11],
    exit_code: i32,
}

const PIDFD_INFO_EXIT: u64 = 1 << 3;
/// _IOWR(0xFF, 11, struct pidfd_info)
const PIDFD_GET_INFO: libc::c_ulong = 3 << 30 | (size_of::<Info>() as libc::c_ulong) << 16 | 0xFF << 8 | 11;
