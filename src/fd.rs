//! Descriptors: are they open, which are, and opening what a daemon is given.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{self, OFlag};
use nix::sys::socket::{self, sockopt};
use nix::sys::stat::{self, FileStat, Mode};
use nix::unistd::{self, Gid, Uid};

use crate::error::{During, Error, Result};
use crate::identity;
use crate::{remove, sys};

/// How many descriptors the kernel's table has room for at first, as a rule.
const TABLE: RawFd = 256;

/// By what power of two it is made to grow. By itself it doubles, for which a process with threads waits some ten milliseconds.
const GROWTH: u32 = 3;

/// Fails with EBADF where `fd` is not open.
pub fn require_open(fd: RawFd) -> Result<()> {
    fcntl::fcntl(sys::fd::borrow(fd), fcntl::FcntlArg::F_GETFD).during("fcntl").map(drop)
}

/// A close-on-exec duplicate.
pub fn duplicate(fd: RawFd) -> Result<OwnedFd> {
    sys::fd::duplicate(fd, 0).during("fcntl")
}

/// One of many duplicates.
pub fn duplicate_among_many(fd: RawFd) -> Result<OwnedFd> {
    let duplicate = duplicate(fd)?;
    let count = duplicate.as_raw_fd() + 1;
    if count >= TABLE && count.count_ones() == 1 && (count / TABLE).trailing_zeros().is_multiple_of(GROWTH) {
        // Beyond what may be open, perhaps: then the kernel does it step by step.
        drop(sys::fd::duplicate(fd, (count << GROWTH) - 1));
    }
    Ok(duplicate)
}

/// The inode number behind a descriptor.
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

/// Whether they are of the same file.
pub fn is_same(one: &FileStat, other: &FileStat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

/// The highest descriptor this process has open.
pub fn highest_open() -> Result<RawFd> {
    Ok(numbers()?.into_iter().max().unwrap_or(2))
}

/// The descriptors that this process has open, in ascending order.
pub fn open_numbers() -> Result<Vec<RawFd>> {
    let mut numbers = numbers()?;
    // The one that it was looked by is among them, and closed by now.
    numbers.retain(|&number| require_open(number).is_ok());
    numbers.sort_unstable();
    Ok(numbers)
}

/// The descriptors that this process had open when it looked.
pub fn numbers() -> Result<Vec<RawFd>> {
    let names = list(c"/proc/self/fd")?;
    Ok(names.iter().filter_map(|name| name.to_str()?.parse().ok()).collect())
}

/// The names in a directory.
pub fn list(path: &CStr) -> Result<Vec<OsString>> {
    names(path)?.collect()
}

/// Like `list`, but reads the directory during the iteration.
pub fn names(path: &CStr) -> Result<impl Iterator<Item = Result<OsString>>> {
    let entries = std::fs::read_dir(as_path(path)).map_err(|error| Error::of_io("open", &error, path))?;
    let failed = |error: std::io::Error| Error::of_io("getdents64", &error, path);
    Ok(entries.map(move |entry| entry.map(|entry| entry.file_name()).map_err(failed)))
}

/// What a file says, which may be no UTF-8.
pub fn read(path: &CStr) -> Result<String> {
    let mut file = File::open(as_path(path)).map_err(|error| Error::of_io("open", &error, path))?;
    let mut text = Vec::new();
    file.read_to_end(&mut text).map_err(|error| Error::of_io("read", &error, path))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn as_path(path: &CStr) -> &Path {
    Path::new(OsStr::from_bytes(path.to_bytes()))
}

/// close(2), at once. Linux closes it also where an error comes of that.
pub fn close(fd: RawFd) -> Result<()> {
    let _ = stop_lingering(sys::fd::borrow(fd));
    sys::fd::close(fd).during("close")
}

/// The same of what nobody wants to hear of.
pub fn discard(fd: OwnedFd) {
    let _ = stop_lingering(fd.as_fd());
}

/// Whoever has sent a socket may have set it to linger: its close would wait for as long. Of what is no socket, this comes to
/// nothing; and who listens hands the option on to its connections, but does not linger.
fn stop_lingering(fd: BorrowedFd<'_>) -> nix::Result<()> {
    if socket::getsockopt(&fd, sockopt::Linger)?.l_linger != 0
        && !socket::getsockopt(&fd, sockopt::AcceptConn)?
    {
        socket::setsockopt(&fd, sockopt::Linger, &libc::linger { l_onoff: 0, l_linger: 0 })?;
    }
    Ok(())
}

/// Whether exec closes a descriptor.
pub fn set_close_on_exec(fd: impl AsFd, yes: bool) -> Result<()> {
    let flags = if yes { fcntl::FdFlag::FD_CLOEXEC } else { fcntl::FdFlag::empty() };
    fcntl::fcntl(fd, fcntl::FcntlArg::F_SETFD(flags)).during("fcntl").map(drop)
}

/// dup2(2): not close-on-exec.
pub fn replace(target: RawFd, source: RawFd) -> Result<()> {
    sys::fd::replace(target, source).during("dup2")
}

/// /dev/null, for reading and writing.
pub fn dev_null() -> Result<OwnedFd> {
    open(&c"/dev/null".to_owned(), OFlag::O_RDWR, Mode::empty())
}

/// Opens a log to append to, and returns whether it was created. A new log gets exactly `mode`, and belongs to `owner`. A FIFO
/// without a reader is ENXIO, because open(2) would wait for a reader for ever.
pub fn open_log(path: &str, mode: u32, owner: Option<&identity::Identity>) -> Result<(OwnedFd, bool)> {
    let path = crate::plan::c_string(path)?;
    let flags = OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_CREAT | OFlag::O_NOCTTY | OFlag::O_NONBLOCK;
    let mode = Mode::from_bits_truncate(mode);
    let (fd, created) = match open(&path, flags | OFlag::O_EXCL, mode) {
        Err(Error { errno: Errno::EEXIST, .. }) => (open_old_log(&path, flags, mode, owner)?, false),
        result => (result?, true),
    };
    let prepared = match created {
        true => prepare_new_log(&fd, mode, owner),
        false => Ok(()),
    };
    let prepared =
        prepared.and_then(|()| fcntl::fcntl(&fd, fcntl::FcntlArg::F_SETFL(OFlag::O_APPEND)).during("fcntl"));
    prepared.inspect_err(|_| {
        if created {
            // The error to tell of is the first one.
            let _ = remove_own(&path, &fd);
        }
    })?;
    Ok((fd, created))
}

/// Opens a log that exists. In a directory like /tmp, the kernel refuses O_CREAT on the file of another user, even to root
/// (fs.protected_regular). A log that an earlier start gave to `owner` is such a file, so it is opened without O_CREAT.
fn open_old_log(
    path: &CString,
    flags: OFlag,
    mode: Mode,
    owner: Option<&identity::Identity>,
) -> Result<OwnedFd> {
    let refused = match open(path, flags, mode) {
        Err(error) if error.errno == Errno::EACCES => error,
        result => return result,
    };
    let Some(uid) = owner.and_then(|owner| owner.uid) else { return Err(refused) };
    let log = open(path, flags - OFlag::O_CREAT, mode)?;
    let is_owners = stat::fstat(&log).during_path("fstat", path)?.st_uid == uid;
    if is_owners { Ok(log) } else { Err(refused) }
}

fn prepare_new_log(fd: &OwnedFd, mode: Mode, owner: Option<&identity::Identity>) -> Result<()> {
    // open(2) applied the caller's umask: set the exact mode.
    stat::fchmod(fd, mode).during("fchmod")?;
    owner.map_or(Ok(()), |owner| give(fd, owner))
}

/// Gives a new file to the user that the daemon becomes. Otherwise the daemon could not reopen the file.
fn give(fd: &OwnedFd, owner: &identity::Identity) -> Result<()> {
    let group = stat::fstat(fd).during("fstat")?.st_gid;
    // In a directory with the set-group-ID bit, the file keeps the group of the directory.
    let gid = (group == unistd::getegid().as_raw()).then(|| Gid::from_raw(owner.gid));
    match unistd::fchown(fd, owner.uid.map(Uid::from_raw), gid) {
        // Without CAP_CHOWN, or on a file system without owners, the file stays the caller's.
        Err(Errno::EPERM) => Ok(()),
        result => result.during("fchown"),
    }
}

/// Removes the file at `path` if it is the file that `fd` refers to.
pub fn remove_own(path: &CString, fd: &OwnedFd) -> Result<bool> {
    let own = stat::fstat(fd).during("fstat")?;
    remove::remove(path, |found| is_same(&own, found))
}

/// open(2), close-on-exec.
pub fn open(path: &CString, flags: OFlag, mode: Mode) -> Result<OwnedFd> {
    fcntl::open(path.as_c_str(), flags | OFlag::O_CLOEXEC, mode).during_path("open", path)
}

/// Has calls on it not wait, for all who share its description.
pub fn set_nonblocking(fd: impl AsFd) -> Result<()> {
    let flags = OFlag::from_bits_retain(fcntl::fcntl(&fd, fcntl::FcntlArg::F_GETFL).during("fcntl")?);
    fcntl::fcntl(&fd, fcntl::FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)).during("fcntl").map(drop)
}
