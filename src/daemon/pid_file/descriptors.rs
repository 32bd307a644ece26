//! Finds the descriptor through which a thread has locked a file. /proc shows the locks of each descriptor, see
//! proc_pid_fdinfo(5).

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use nix::errno::Errno;
use nix::fcntl::{self, AtFlags, OFlag};
use nix::sys::stat::{self, FileStat, Mode};
use nix::unistd;

use crate::descriptor::fd;
use crate::error::{During, Error, Result};
use crate::sys::c_string;

/// The two /proc directories of a thread that list its descriptors.
struct Table {
    links: OwnedFd,
    infos: OwnedFd,
}

/// Returns the file position of the descriptor through which the thread, `PID` or `PID/task/TID`, holds a write lock on
/// the file. None if it holds none. Checks the lowest descriptors first, because a daemon's pid file is usually among
/// them.
pub fn find_lock_position(thread: &str, file: &FileStat) -> Result<Option<u64>> {
    let [links, infos] = ["fd", "fdinfo"].map(|name| c_string(&format!("/proc/{thread}/{name}")));
    let (links, infos) = (links?, infos?);
    let table = Table { links: open_directory(&links)?, infos: open_directory(&infos)? };
    for number in fd::names(&links)? {
        let number = CString::new(number?.into_vec()).unwrap_or_default();
        match table.find_lock_position(&number, file) {
            Ok(None) => {}
            // The thread has closed the descriptor.
            Err(Error { errno: Errno::ENOENT, .. }) => {}
            answer => return answer,
        }
    }
    Ok(None)
}

fn open_directory(path: &CString) -> Result<OwnedFd> {
    fd::open(path, OFlag::O_PATH | OFlag::O_DIRECTORY, Mode::empty())
}

impl Table {
    /// Returns the file position if the descriptor has locked the file. Runs the cheapest check first, because a
    /// process may have thousands of descriptors. Checks the file itself last, and only if it is locked: the file
    /// system of another file may not answer any more.
    fn find_lock_position(&self, number: &CStr, file: &FileStat) -> Result<Option<u64>> {
        if !self.is_writable(number)? || !self.is_named(number)? {
            return Ok(None);
        }
        let info = self.read_info(number)?;
        let is_lock = has_lock(&info)
            && fd::is_same(&stat::fstatat(&self.links, number, AtFlags::empty()).during("fstatat")?, file);
        Ok(is_lock.then(|| parse_position(&info)))
    }

    /// Returns true if the descriptor is writable, as a write lock requires. The mode of the link shows that, see
    /// proc_pid_fd(5).
    fn is_writable(&self, number: &CStr) -> Result<bool> {
        let link = stat::fstatat(&self.links, number, AtFlags::AT_SYMLINK_NOFOLLOW).during("fstatat")?;
        Ok(link.st_mode & libc::S_IWUSR != 0)
    }

    /// Returns true if the descriptor has a path. Sockets, pipes and similar descriptors have none.
    fn is_named(&self, number: &CStr) -> Result<bool> {
        let target = fcntl::readlinkat(&self.links, number).during("readlinkat")?;
        Ok(target.as_bytes().starts_with(b"/"))
    }

    /// Reads the file in fdinfo.
    fn read_info(&self, number: &CStr) -> Result<String> {
        let info = fcntl::openat(&self.infos, number, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
        read(&info.during("openat")?)
    }
}

fn has_lock(info: &str) -> bool {
    let is_lock = |line: &str| line.starts_with("lock:") && line.contains("OFDLCK") && line.contains("WRITE");
    info.lines().any(is_lock)
}

fn parse_position(info: &str) -> u64 {
    let position = info.lines().find_map(|line| line.strip_prefix("pos:"));
    position.and_then(|position| position.trim().parse().ok()).unwrap_or(0)
}

/// Reads to the end. The standard library would ask for the length first, which doubles the number of calls.
fn read(file: &OwnedFd) -> Result<String> {
    let mut text = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        match unistd::read(file, &mut buffer).during("read")? {
            0 => return Ok(String::from_utf8_lossy(&text).into_owned()),
            length => text.extend_from_slice(&buffer[..length]),
        }
    }
}
