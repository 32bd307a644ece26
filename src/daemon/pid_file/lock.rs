//! The lock on a pid file: its bytes and its holder. See "Open file description locks" in fcntl(2).

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd};

use nix::fcntl::{self, FcntlArg};

use crate::error::{During, Result};

/// The first byte of every lock on a pid file, and the only byte that a start locks.
const FIRST_BYTE: Range = (0, 1);

/// A range of bytes: its start and its length. A length of 0 means all bytes from the start on.
type Range = (i64, i64);

/// The lock of another open file description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// No lock, or a read lock, which no daemon takes.
    NoDaemon,
    /// The lock of a start.
    Starting,
    /// A daemon's lock. Its length is a fingerprint, unless another program has locked the file.
    Running { length: i64 },
}

/// Locks the file for a start. Fails with EAGAIN if another description has locked it.
pub fn take(file: impl AsFd) -> nix::Result<()> {
    set(file, libc::F_WRLCK, FIRST_BYTE)
}

/// Extends the lock to `length`, as a daemon's lock; None locks all bytes. The first byte stays locked throughout.
pub fn extend(file: impl AsFd, length: Option<i64>) -> nix::Result<()> {
    let length = length.unwrap_or(0);
    set(&file, libc::F_WRLCK, (0, length))?;
    match length {
        0 => Ok(()),
        // Unlock the rest, in case the lock was longer.
        end => set(&file, libc::F_UNLCK, (end, 0)),
    }
}

fn set(file: impl AsFd, kind: i32, range: Range) -> nix::Result<()> {
    fcntl::fcntl(file, FcntlArg::F_OFD_SETLK(&build_flock(kind, range))).map(drop)
}

/// Returns the lock that prevents a start (F_OFD_GETLK), unless this description holds the lock. Asks for the first
/// byte only: the kernel reports one of several locks, and another program's lock at the far end could hide the
/// daemon's.
pub fn find_holder(file: BorrowedFd<'_>, path: &CString) -> Result<Holder> {
    let mut found = build_flock(libc::F_WRLCK, FIRST_BYTE);
    fcntl::fcntl(file, FcntlArg::F_OFD_GETLK(&mut found)).during_path("fcntl", path)?;
    Ok(match i32::from(found.l_type) {
        libc::F_WRLCK if (found.l_start, found.l_len) == FIRST_BYTE => Holder::Starting,
        libc::F_WRLCK => Holder::Running { length: found.l_len },
        _ => Holder::NoDaemon,
    })
}

fn build_flock(kind: i32, (start, length): Range) -> libc::flock {
    libc::flock {
        l_type: kind as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: start,
        l_len: length,
        l_pid: 0,
    }
}
