//! Calls on terminals, by descriptor number.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use nix::errno::Errno;

/// Returns the session of a terminal: tcgetsid(3).
pub fn tcgetsid(fd: RawFd) -> nix::Result<i32> {
    // SAFETY: passes numbers only.
    Errno::result(unsafe { libc::tcgetsid(fd) })
}

/// Returns the foreground process group of a terminal: tcgetpgrp(3).
pub fn tcgetpgrp(fd: RawFd) -> nix::Result<i32> {
    // SAFETY: passes numbers only.
    Errno::result(unsafe { libc::tcgetpgrp(fd) })
}

/// Sets the foreground process group of a terminal: tcsetpgrp(3). The kernel stops a background caller by SIGTTOU,
/// unless that signal is blocked or ignored.
pub fn tcsetpgrp(fd: RawFd, group: i32) -> nix::Result<()> {
    // SAFETY: passes numbers only.
    Errno::result(unsafe { libc::tcsetpgrp(fd, group) }).map(drop)
}

/// Returns true if `fd` is a terminal: isatty(3).
pub fn is_terminal(fd: BorrowedFd<'_>) -> bool {
    // SAFETY: passes numbers only.
    unsafe { libc::isatty(fd.as_raw_fd()) == 1 }
}
