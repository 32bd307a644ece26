//! Tells a daemon's successor from another program that has locked the pid file since.
//!
//! A successor inherits the lock by the same open file description. The description has a mark that another one lacks: its
//! file position, which /proc/PID/fdinfo shows. procnative reads and writes pid files by pread(2) and pwrite(2), so the
//! position stays. The kernel tells of no better identity: kcmp(2) compares processes that are both alive.

use std::ffi::CString;
use std::hash::{BuildHasher, RandomState};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{self, FileStat, Mode};
use nix::unistd::{self, Whence};

use super::FLAGS;
use super::lock::{self, Holder};
use super::status::{self, Status, Wait};
use crate::descriptor::fd;
use crate::error::{During, Error, Result};
use crate::sys::c_string;

/// The lowest mark. Reading or writing leads no other program to such a position in a pid file.
const LOWEST: u64 = 1 << 30;

/// Marks the description that has locked the file. The position has 31 bits, which each file system allows.
pub(super) fn mark(file: impl AsFd) -> nix::Result<()> {
    let mark = LOWEST + RandomState::new().hash_one(()) % LOWEST;
    unistd::lseek(file, mark as i64, Whence::SeekSet).map(drop)
}

/// The description by which a daemon has locked its pid file.
pub struct Description {
    file: FileStat,
    mark: u64,
    /// The length of the lock. A successor changes it only when it is ready.
    length: i64,
}

/// What has become of the lock after a daemon's end.
pub enum Succession {
    /// The daemon was the last to hold it, although another program may have locked the file by now.
    Over,
    /// The description has a holder, and this process is named by the file.
    Named(i32),
    /// The description has a holder still, but the file does not name it.
    Unknown,
}

impl Description {
    /// Returns the description by which `pid` has locked the file. None if the caller may not look at the process, or if
    /// another program than procnative has locked the file.
    pub fn of(path: &str, pid: i32) -> Result<Option<Self>> {
        let path = c_string(path)?;
        let Some((file, Holder::Running { length })) = look(&path)? else { return Ok(None) };
        let position = match status::lock_position(pid, &file) {
            Err(Error { errno: Errno::ENOENT | Errno::ESRCH | Errno::EACCES | Errno::EPERM, .. }) => None,
            position => position?,
        };
        Ok(position.filter(|&position| position >= LOWEST).map(|mark| Self { file, mark, length }))
    }

    pub fn is_same(&self, other: &Self) -> bool {
        fd::is_same(&self.file, &other.file) && self.mark == other.mark
    }

    /// Waits up to `patience` until the file names the next process, or the description is closed. A hand-over shows
    /// neither an unlocked file nor the lock of a start, and its file stays at `path`.
    pub fn succession(&self, path: &str, patience: Duration) -> Result<Succession> {
        let path = c_string(path)?;
        let mut wait = Wait::until(Instant::now() + patience);
        loop {
            // Read before the number: a successor writes its number first, and then changes the length.
            let is_kept = self.is_kept(&path)?;
            match status::at(&path)? {
                Status::Running(Some(pid)) => return Ok(Succession::Named(pid)),
                Status::Running(None) if is_kept && wait.goes_on() => {}
                Status::Running(None) if is_kept => return Ok(Succession::Unknown),
                Status::Running(None) | Status::Starting | Status::Stopped => return Ok(Succession::Over),
            }
        }
    }

    /// Returns whether the file at `path` is still this one, with a lock of this length.
    fn is_kept(&self, path: &CString) -> Result<bool> {
        Ok(look(path)?.is_some_and(|(file, holder)| {
            fd::is_same(&file, &self.file) && holder == Holder::Running { length: self.length }
        }))
    }
}

/// Returns the file at `path` and its lock. None if there is no file.
fn look(path: &CString) -> Result<Option<(FileStat, Holder)>> {
    let file = match fd::open(path, OFlag::O_RDONLY | FLAGS, Mode::empty()) {
        Err(Error { errno: Errno::ENOENT, .. }) => return Ok(None),
        file => file?,
    };
    Ok(Some((stat::fstat(&file).during_path("fstat", path)?, lock::holder(file.as_fd(), path)?)))
}
