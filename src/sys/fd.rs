//! Descriptors by number.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

/// Borrows a descriptor that JavaScript gave by number, for one system call. The descriptor may be closed: the system
/// call then fails with EBADF.
pub fn borrow(fd: RawFd) -> BorrowedFd<'static> {
    // `BorrowedFd` can't hold -1. RawFd::MAX is never open, so it also gives EBADF.
    let fd = if fd < 0 { RawFd::MAX } else { fd };
    // SAFETY: the number is not -1. The caller passes it only to a system call that fails cleanly on a closed
    // descriptor.
    unsafe { BorrowedFd::borrow_raw(fd) }
}

/// Duplicates a descriptor to the lowest free number from `least` on, by fcntl(2) with F_DUPFD_CLOEXEC.
pub fn duplicate(fd: RawFd, least: RawFd) -> nix::Result<OwnedFd> {
    // SAFETY: acts on the descriptor table only.
    let new = Errno::result(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, least) })?;
    // SAFETY: the kernel has just created this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(new) })
}

/// Replaces the descriptor `target`, such as 2, by a duplicate of `source`: dup2(2).
pub fn replace(target: RawFd, source: RawFd) -> nix::Result<()> {
    // SAFETY: acts on the descriptor table only. The caller wants the old `target` closed.
    Errno::result(unsafe { libc::dup2(source, target) }).map(drop)
}

/// Closes a descriptor by the raw system call. close(2) of the C library is a cancellation point, which takes a third
/// of its time in a process with threads.
pub fn close(fd: RawFd) -> nix::Result<()> {
    // SAFETY: acts on the descriptor table only. The caller owns the descriptor.
    Errno::result(unsafe { libc::syscall(libc::SYS_close, fd) }).map(drop)
}

/// Creates a close-on-exec file in memory: memfd_create(2).
pub fn memory_file(name: &CStr) -> nix::Result<OwnedFd> {
    // SAFETY: `name` is a C string.
    let fd = Errno::result(unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC) })?;
    // SAFETY: the kernel has just created this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Returns true if close_range(2) works. An old seccomp profile can refuse it on any kernel, so this tries the call.
pub fn has_close_range() -> bool {
    // SAFETY: no descriptor has this number, so the call closes nothing.
    unsafe { libc::syscall(libc::SYS_close_range, u32::MAX, u32::MAX, 0) == 0 }
}

/// Closes descriptors, with one close_range(2) for each run of successive numbers.
pub fn close_all(descriptors: impl IntoIterator<Item = OwnedFd>) {
    let mut numbers: Vec<_> = descriptors.into_iter().map(IntoRawFd::into_raw_fd).collect();
    numbers.sort_unstable();
    for run in numbers.chunk_by(|&one, &next| next == one + 1) {
        // SAFETY: each number in the range is one of `descriptors`, which this function owns.
        let closed = unsafe { libc::syscall(libc::SYS_close_range, run[0], run[run.len() - 1], 0) };
        if closed != 0 {
            // A seccomp profile may refuse close_range(2).
            run.iter().copied().map(adopt).for_each(drop);
        }
    }
}

/// An exclusive flock(2), held until this is dropped. The lock type of nix panics if it can't unlock.
pub struct Locked(OwnedFd);

impl Locked {
    /// Takes the lock. Fails with EWOULDBLOCK if another open file description has it. Returns the descriptor with the
    /// error.
    pub fn try_lock(fd: OwnedFd) -> Result<Self, (OwnedFd, Errno)> {
        // SAFETY: passes numbers only.
        match Errno::result(unsafe { libc::flock(fd.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) }) {
            Ok(_) => Ok(Self(fd)),
            Err(errno) => Err((fd, errno)),
        }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing would not unlock while a child before its exec shares the open file description: flock(2).
        // SAFETY: passes numbers only.
        unsafe { libc::flock(self.0.as_raw_fd(), libc::LOCK_UN) };
    }
}

/// Takes over a descriptor by its number: an inherited one, a new one of a system call, or one that JavaScript gives
/// away. The caller must know that no other code owns the descriptor.
pub fn adopt(fd: RawFd) -> OwnedFd {
    // As in `borrow`.
    let fd = if fd < 0 { RawFd::MAX } else { fd };
    // SAFETY: the number is not -1. If it is not open, the only consequence is a failing close(2).
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Renames a file within a directory, by renameat2(2) with RENAME_NOREPLACE. Fails with EEXIST if the new name exists.
pub fn rename_to_new(directory: &OwnedFd, from: &CStr, to: &CStr) -> nix::Result<()> {
    let directory = directory.as_raw_fd();
    let (from, to) = (from.as_ptr(), to.as_ptr());
    // SAFETY: both names are C strings.
    let renamed =
        unsafe { libc::syscall(libc::SYS_renameat2, directory, from, directory, to, libc::RENAME_NOREPLACE) };
    Errno::result(renamed).map(drop)
}
