//! Distinguishes a daemon's successor from another program that has locked the pid file since.
//!
//! A successor inherits the lock with the same open file description. procnative marks the description by its file
//! position, which /proc/PID/fdinfo shows, see proc_pid_fdinfo(5). It reads and writes pid files by pread(2) and
//! pwrite(2), so the position stays. The kernel has no better identity for a description: kcmp(2) compares only
//! processes that are both alive.

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

/// The lowest mark. Another program that reads or writes a pid file never reaches such a position.
const LOWEST_MARK: u64 = 1 << 30;

/// Marks the description that has locked the file. The position has 31 bits, which each file system allows.
pub(super) fn mark(file: impl AsFd) -> nix::Result<()> {
    let mark = LOWEST_MARK + RandomState::new().hash_one(()) % LOWEST_MARK;
    unistd::lseek(file, mark as i64, Whence::SeekSet).map(drop)
}

/// The open file description through which a daemon has locked its pid file.
pub struct Description {
    file: FileStat,
    mark: u64,
    /// The length of the lock. A successor changes it only when it is ready.
    length: i64,
}

/// The state of the lock after the end of a daemon.
pub enum Succession {
    /// No process holds the lock any more. Another program may have locked the file by now.
    Over,
    /// A process holds the lock, and the file names this process.
    Named(i32),
    /// A process holds the lock, but the file does not name it.
    Unknown,
}

impl Description {
    /// Returns the description through which `pid` has locked the file. None if the caller has no right to look at the
    /// process. None, too, if the program that has locked the file does not use procnative.
    pub fn of(path: &str, pid: i32) -> Result<Option<Self>> {
        let path = c_string(path)?;
        let Some((file, Holder::Running { length })) = read_lock(&path)? else { return Ok(None) };
        let position = match status::find_lock_position(pid, &file) {
            Err(Error { errno: Errno::ENOENT | Errno::ESRCH | Errno::EACCES | Errno::EPERM, .. }) => None,
            position => position?,
        };
        Ok(position.filter(|&position| position >= LOWEST_MARK).map(|mark| Self { file, mark, length }))
    }

    pub fn is_same(&self, other: &Self) -> bool {
        fd::is_same(&self.file, &other.file) && self.mark == other.mark
    }

    /// Waits up to `patience` until the file names the next process, or the description is closed. During a hand-over,
    /// the file stays at `path`. It is never unlocked, and never has the lock of a start.
    pub fn await_succession(&self, path: &str, patience: Duration) -> Result<Succession> {
        let path = c_string(path)?;
        let mut wait = Wait::until(Instant::now() + patience);
        loop {
            // Read the length before the number:
            // 1. A successor writes its number.
            // 2. The successor changes the length of the lock.
            // In the other order, this loop could miss the number. It would then see a changed length, as after the end
            // of the lock.
            let is_unchanged = self.is_unchanged(&path)?;
            match status::read_at(&path)? {
                Status::Running(Some(pid)) => return Ok(Succession::Named(pid)),
                Status::Running(None) if is_unchanged && wait.goes_on() => {}
                Status::Running(None) if is_unchanged => return Ok(Succession::Unknown),
                Status::Running(None) | Status::Starting | Status::Stopped => return Ok(Succession::Over),
            }
        }
    }

    /// Returns true if the file at `path` is still this one, with a lock of this length.
    fn is_unchanged(&self, path: &CString) -> Result<bool> {
        Ok(read_lock(path)?.is_some_and(|(file, holder)| {
            fd::is_same(&file, &self.file) && holder == Holder::Running { length: self.length }
        }))
    }
}

/// Returns the file at `path` and its lock. None if there is no file.
fn read_lock(path: &CString) -> Result<Option<(FileStat, Holder)>> {
    let file = match fd::open(path, OFlag::O_RDONLY | FLAGS, Mode::empty()) {
        Err(Error { errno: Errno::ENOENT, .. }) => return Ok(None),
        file => file?,
    };
    Ok(Some((stat::fstat(&file).during_path("fstat", path)?, lock::find_holder(file.as_fd(), path)?)))
}
