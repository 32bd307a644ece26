//! Descriptors by number.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

/// Names a descriptor that JavaScript gave by number, for the length of one system call. That it is open is not
/// promised: asking the kernel, which answers EBADF, is what it is borrowed for.
pub fn borrow(fd: RawFd) -> BorrowedFd<'static> {
    // -1 is the one number that `BorrowedFd` can't hold; any other closed one serves.
    let fd = if fd < 0 { RawFd::MAX } else { fd };
    // SAFETY: not -1, and only ever handed to a call that fails cleanly on a closed descriptor.
    unsafe { BorrowedFd::borrow_raw(fd) }
}

/// fcntl(F_DUPFD_CLOEXEC), onto a number from `least` on.
pub fn duplicate(fd: RawFd, least: RawFd) -> nix::Result<OwnedFd> {
    // SAFETY: acts on the descriptor table only.
    let new = Errno::result(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, least) })?;
    // SAFETY: the kernel has just made it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(new) })
}

/// dup2(2) onto a number that this process goes on using, as 2.
pub fn replace(target: RawFd, source: RawFd) -> nix::Result<()> {
    // SAFETY: acts on the descriptor table only; what stood at `target` is closed, as the caller wants.
    Errno::result(unsafe { libc::dup2(source, target) }).map(drop)
}

/// close(2) without the C library, where it is a cancellation point: with threads around, that takes a third of its time.
pub fn close(fd: RawFd) -> nix::Result<()> {
    // SAFETY: acts on the descriptor table only; that nobody else has the number, only its owner can know.
    Errno::result(unsafe { libc::syscall(libc::SYS_close, fd) }).map(drop)
}

/// memfd_create(2), close-on-exec.
pub fn memory_file(name: &CStr) -> nix::Result<OwnedFd> {
    // SAFETY: `name` is a C string.
    let fd = Errno::result(unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC) })?;
    // SAFETY: the kernel has just made it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Whether close_range(2) may be called: asked, because an old seccomp profile refuses it on any kernel.
pub fn has_close_range() -> bool {
    // SAFETY: no descriptor has that number, so nothing is closed.
    unsafe { libc::syscall(libc::SYS_close_range, u32::MAX, u32::MAX, 0) == 0 }
}

/// close(2) of many, by one close_range(2) wherever their numbers follow one another.
pub fn close_all(descriptors: impl IntoIterator<Item = OwnedFd>) {
    let mut numbers: Vec<_> = descriptors.into_iter().map(IntoRawFd::into_raw_fd).collect();
    numbers.sort_unstable();
    for run in numbers.chunk_by(|&one, &next| next == one + 1) {
        // SAFETY: each number in the range is one of those that were given to be closed.
        let closed = unsafe { libc::syscall(libc::SYS_close_range, run[0], run[run.len() - 1], 0) };
        if closed != 0 {
            // As of a seccomp profile.
            run.iter().copied().map(adopt).for_each(drop);
        }
    }
}

/// An exclusive flock(2), until this is dropped. nix's own panics where it can't be undone.
pub struct Locked(OwnedFd);

impl Locked {
    /// EWOULDBLOCK, and the descriptor, where somebody else has it.
    pub fn try_lock(fd: OwnedFd) -> Result<Self, (OwnedFd, Errno)> {
        // SAFETY: numbers only.
        match Errno::result(unsafe { libc::flock(fd.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) }) {
            Ok(_) => Ok(Self(fd)),
            Err(errno) => Err((fd, errno)),
        }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Not left to the close: a child that is on its way to exec may have the description too.
        // SAFETY: numbers only.
        unsafe { libc::flock(self.0.as_raw_fd(), libc::LOCK_UN) };
    }
}

/// Takes over a descriptor by its number: one that was inherited, that a system call has just made, or that JavaScript gives
/// away. That nobody else has it, only they can know.
pub fn adopt(fd: RawFd) -> OwnedFd {
    // As in `borrow`.
    let fd = if fd < 0 { RawFd::MAX } else { fd };
    // SAFETY: not -1; of what is not open, nothing comes but a close that fails.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// renameat2(2) within a directory, with RENAME_NOREPLACE: EEXIST where the new name is taken.
pub fn rename_to_new(directory: &OwnedFd, from: &CStr, to: &CStr) -> nix::Result<()> {
    let directory = directory.as_raw_fd();
    let (from, to) = (from.as_ptr(), to.as_ptr());
    // SAFETY: both names are C strings.
    let renamed =
        unsafe { libc::syscall(libc::SYS_renameat2, directory, from, directory, to, libc::RENAME_NOREPLACE) };
    Errno::result(renamed).map(drop)
}
