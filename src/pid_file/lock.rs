//! The lock on a pid file: which bytes of it, and who has them.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd};

use nix::fcntl::{self, FcntlArg};

use crate::error::{During, Result};

/// A range of bytes: start and length, where 0 is all there is.
pub type Range = (i64, i64);

/// A start.
pub const FIRST_BYTE: Range = (0, 1);
/// A daemon.
pub const ALL: Range = (0, 0);

/// What somebody else has locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// Nothing, or to read only, which is no daemon's lock.
    Nobody,
    Starting,
    Running,
}

/// F_OFD_SETLK. EAGAIN where somebody has it.
pub fn set(file: impl AsFd, range: Range) -> nix::Result<()> {
    fcntl::fcntl(file, FcntlArg::F_OFD_SETLK(&write_lock(range))).map(drop)
}

/// F_OFD_GETLK: who, other than this very description, has the file locked.
pub fn holder(file: BorrowedFd<'_>, path: &CString) -> Result<Holder> {
    let mut lock = write_lock(ALL);
    fcntl::fcntl(file, FcntlArg::F_OFD_GETLK(&mut lock)).during_path("fcntl", path)?;
    Ok(match i32::from(lock.l_type) {
        libc::F_WRLCK if (lock.l_start, lock.l_len) == FIRST_BYTE => Holder::Starting,
        libc::F_WRLCK => Holder::Running,
        _ => Holder::Nobody,
    })
}

fn write_lock((start, length): Range) -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: start,
        l_len: length,
        l_pid: 0,
    }
}
