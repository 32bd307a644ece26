//! Whether a file is locked through one of a thread's descriptors: each one's locks are told with it, proc_pid_fdinfo(5).

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use nix::errno::Errno;
use nix::fcntl::{self, AtFlags, OFlag};
use nix::sys::stat::{self, FileStat, Mode};
use nix::unistd;

use crate::error::{During, Error, Result};
use crate::fd;
use crate::plan::c_string;

/// The directories of a thread that has its descriptors.
struct Table {
    links: OwnedFd,
    infos: OwnedFd,
}

/// Whether the thread, `PID` or `PID/task/TID`, has the file locked to write. The lowest descriptors come first, and a
/// daemon's pid file is among them as a rule.
pub fn has_locked(thread: &str, file: &FileStat) -> Result<bool> {
    let [links, infos] = ["fd", "fdinfo"].map(|name| c_string(&format!("/proc/{thread}/{name}")));
    let (links, infos) = (links?, infos?);
    let table = Table { links: open_directory(&links)?, infos: open_directory(&infos)? };
    for number in fd::names(&links)? {
        let number = CString::new(number?.into_vec()).unwrap_or_default();
        match table.is_lock(&number, file) {
            Ok(false) => {}
            // Closed since.
            Err(Error { errno: Errno::ENOENT, .. }) => {}
            answer => return answer,
        }
    }
    Ok(false)
}

fn open_directory(path: &CString) -> Result<OwnedFd> {
    fd::open(path, OFlag::O_PATH | OFlag::O_DIRECTORY, Mode::empty())
}

impl Table {
    /// The cheapest question comes first: a process may have thousands of descriptors. The file itself is looked at last, and
    /// only where it is a locked one: the file system of another may not answer any more.
    fn is_lock(&self, number: &CStr, file: &FileStat) -> Result<bool> {
        Ok(self.is_writable(number)?
            && self.is_named(number)?
            && self.has_lock(number)?
            && fd::is_same(&stat::fstatat(&self.links, number, AtFlags::empty()).during("fstatat")?, file))
    }

    /// The mode of a descriptor's link is what it was opened for; a lock to write needs one to write.
    fn is_writable(&self, number: &CStr) -> Result<bool> {
        let link = stat::fstatat(&self.links, number, AtFlags::AT_SYMLINK_NOFOLLOW).during("fstatat")?;
        Ok(link.st_mode & libc::S_IWUSR != 0)
    }

    /// Sockets, pipes and their like have no path.
    fn is_named(&self, number: &CStr) -> Result<bool> {
        let target = fcntl::readlinkat(&self.links, number).during("readlinkat")?;
        Ok(target.as_bytes().starts_with(b"/"))
    }

    fn has_lock(&self, number: &CStr) -> Result<bool> {
        let info = fcntl::openat(&self.infos, number, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
        let info = read(&info.during("openat")?)?;
        let is_lock =
            |line: &str| line.starts_with("lock:") && line.contains("OFDLCK") && line.contains("WRITE");
        Ok(info.lines().any(is_lock))
    }
}

/// Reads to the end. The standard library would ask for the length first, which doubles the calls.
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
