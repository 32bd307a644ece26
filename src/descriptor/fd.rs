//! Descriptors: duplicates, flags, identity and closing; files and directories that are read as a whole.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::fcntl::{self, OFlag};
use nix::sys::socket::{self, sockopt};
use nix::sys::stat::{self, FileStat, Mode};

use crate::error::{During, Error, Result};
use crate::sys;

/// Number of descriptors for which the kernel's table usually has room at first.
const FIRST_TABLE_SIZE: RawFd = 256;

/// Binary logarithm of the factor by which `duplicate_among_many` makes the table grow. The kernel doubles the table, and a process
/// with threads waits about ten milliseconds for that.
const LOG2_GROWTH: u32 = 3;

/// Fails with EBADF if `fd` is not open.
pub fn require_open(fd: RawFd) -> Result<()> {
    fcntl::fcntl(sys::fd::borrow(fd), fcntl::FcntlArg::F_GETFD).during("fcntl").map(drop)
}

/// Returns a close-on-exec duplicate.
pub fn duplicate(fd: RawFd) -> Result<OwnedFd> {
    sys::fd::duplicate(fd, 0).during("fcntl")
}

/// Returns one of many duplicates. Makes the kernel's table grow by a larger factor before it is full.
pub fn duplicate_among_many(fd: RawFd) -> Result<OwnedFd> {
    let duplicate = duplicate(fd)?;
    let count = duplicate.as_raw_fd() + 1;
    if count >= FIRST_TABLE_SIZE
        && count.count_ones() == 1
        && (count / FIRST_TABLE_SIZE).trailing_zeros().is_multiple_of(LOG2_GROWTH)
    {
        // This number may exceed RLIMIT_NOFILE. The call then fails, and the kernel doubles the table as usual.
        drop(sys::fd::duplicate(fd, (count << LOG2_GROWTH) - 1));
    }
    Ok(duplicate)
}

/// Returns the inode number behind a descriptor.
pub fn inode(fd: impl AsFd) -> Result<u64> {
    stat::fstat(fd).during("fstat").map(|stat| stat.st_ino)
}

/// The device and the inode behind a descriptor. It differs between files, but eventfds, timers and epoll sets share one inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    pub device: u64,
    pub inode: u64,
}

impl Identity {
    pub fn of(fd: impl AsFd) -> Result<Self> {
        let stat = nix::sys::stat::fstat(fd).during("fstat")?;
        Ok(Self { device: stat.st_dev, inode: stat.st_ino })
    }
}

/// Returns true if both describe the same file.
pub fn is_same(one: &FileStat, other: &FileStat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

/// Returns the highest open descriptor of this process.
pub fn highest_open() -> Result<RawFd> {
    Ok(numbers()?.into_iter().max().unwrap_or(2))
}

/// Returns the open descriptors of this process, in ascending order.
pub fn open_numbers() -> Result<Vec<RawFd>> {
    let mut numbers = numbers()?;
    // The descriptor of the directory itself is among the numbers, and is closed by now.
    numbers.retain(|&number| require_open(number).is_ok());
    numbers.sort_unstable();
    Ok(numbers)
}

/// Returns the descriptors that were open during the call, in no order. The descriptor of the listed directory is among them.
pub fn numbers() -> Result<Vec<RawFd>> {
    let names = list(c"/proc/self/fd")?;
    Ok(names.iter().filter_map(|name| name.to_str()?.parse().ok()).collect())
}

/// Returns the names in a directory.
pub fn list(path: &CStr) -> Result<Vec<OsString>> {
    names(path)?.collect()
}

/// Like `list`, but reads the directory during the iteration.
pub fn names(path: &CStr) -> Result<impl Iterator<Item = Result<OsString>>> {
    let entries = std::fs::read_dir(as_path(path)).map_err(|error| Error::of_io("open", &error, path))?;
    let failed = |error: std::io::Error| Error::of_io("getdents64", &error, path);
    Ok(entries.map(move |entry| entry.map(|entry| entry.file_name()).map_err(failed)))
}

/// Returns the content of a file. Replaces bytes that are not valid UTF-8 by U+FFFD.
pub fn read(path: &CStr) -> Result<String> {
    let mut file = File::open(as_path(path)).map_err(|error| Error::of_io("open", &error, path))?;
    let mut text = Vec::new();
    file.read_to_end(&mut text).map_err(|error| Error::of_io("read", &error, path))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn as_path(path: &CStr) -> &Path {
    Path::new(OsStr::from_bytes(path.to_bytes()))
}

/// close(2), without lingering. Linux closes the descriptor even if the call fails.
pub fn close(fd: RawFd) -> Result<()> {
    let _ = stop_lingering(sys::fd::borrow(fd));
    sys::fd::close(fd).during("close")
}

/// Like `close`, for a descriptor whose close error the caller can't act on.
pub fn discard(fd: OwnedFd) {
    let _ = stop_lingering(fd.as_fd());
}

/// Turns off SO_LINGER (socket(7)). The sender of a received socket may have set the option, and close(2) would wait for that
/// time. Leaves a listening socket as it is: it does not linger, and its connections inherit the option. Fails for other files.
fn stop_lingering(fd: BorrowedFd<'_>) -> nix::Result<()> {
    if socket::getsockopt(&fd, sockopt::Linger)?.l_linger != 0
        && !socket::getsockopt(&fd, sockopt::AcceptConn)?
    {
        socket::setsockopt(&fd, sockopt::Linger, &libc::linger { l_onoff: 0, l_linger: 0 })?;
    }
    Ok(())
}

/// Sets whether exec closes a descriptor.
pub fn set_close_on_exec(fd: impl AsFd, is_set: bool) -> Result<()> {
    let flags = if is_set { fcntl::FdFlag::FD_CLOEXEC } else { fcntl::FdFlag::empty() };
    fcntl::fcntl(fd, fcntl::FcntlArg::F_SETFD(flags)).during("fcntl").map(drop)
}

/// dup2(2). Exec doesn't close the new descriptor.
pub fn replace(target: RawFd, source: RawFd) -> Result<()> {
    sys::fd::replace(target, source).during("dup2")
}

/// Opens /dev/null for reading and writing.
pub fn dev_null() -> Result<OwnedFd> {
    open(&c"/dev/null".to_owned(), OFlag::O_RDWR, Mode::empty())
}

/// open(2), close-on-exec.
pub fn open(path: &CString, flags: OFlag, mode: Mode) -> Result<OwnedFd> {
    fcntl::open(path.as_c_str(), flags | OFlag::O_CLOEXEC, mode).during_path("open", path)
}

/// Sets O_NONBLOCK, for every descriptor of the same open file description.
pub fn set_nonblocking(fd: impl AsFd) -> Result<()> {
    let flags = OFlag::from_bits_retain(fcntl::fcntl(&fd, fcntl::FcntlArg::F_GETFL).during("fcntl")?);
    fcntl::fcntl(&fd, fcntl::FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)).during("fcntl").map(drop)
}
