//! Terminals by descriptor number.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use nix::errno::Errno;

/// tcgetsid(3).
pub fn tcgetsid(fd: RawFd) -> nix::Result<i32> {
    // SAFETY: numbers only.
    Errno::result(unsafe { libc::tcgetsid(fd) })
}

/// tcgetpgrp(3).
pub fn tcgetpgrp(fd: RawFd) -> nix::Result<i32> {
    // SAFETY: numbers only.
    Errno::result(unsafe { libc::tcgetpgrp(fd) })
}

/// tcsetpgrp(3), which stops a background caller by SIGTTOU unless that is blocked.
pub fn tcsetpgrp(fd: RawFd, group: i32) -> nix::Result<()> {
    // SAFETY: numbers only.
    Errno::result(unsafe { libc::tcsetpgrp(fd, group) }).map(drop)
}

/// isatty(3).
pub fn is_terminal(fd: BorrowedFd<'_>) -> bool {
    // SAFETY: numbers only.
    unsafe { libc::isatty(fd.as_raw_fd()) == 1 }
}
