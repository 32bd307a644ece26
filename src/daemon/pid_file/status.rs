//! The state of the daemon of a pid file.

use std::ffi::CString;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{self, FileStat, Mode};

use super::lock::{self, Holder};
use super::{FLAGS, descriptors, is_strangers, read_pid};
use crate::clone::fingerprint;
use crate::descriptor::fd;
use crate::error::{During, Error, Result};
use crate::proc::status::ProcStatus;
use crate::sys::c_string;

/// The most reads of a file. Several daemons can hand over meanwhile, but not without end.
const MAX_READS: usize = 16;

/// The state of a pid file's daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Stopped,
    /// A daemon is being started.
    Starting,
    /// A daemon runs. Its pid, if known.
    Running(Option<i32>),
}

/// Returns the state of the daemon of the file at `path`. Takes no lock. Believes the number in the file only if the
/// process that it names holds the lock.
pub fn read(path: &str) -> Result<Status> {
    read_at(&c_string(path)?)
}

/// Like `read`, but waits up to `patience` until the file names the holder of the lock.
pub fn read_settled(path: &str, patience: Duration) -> Result<Status> {
    let path = c_string(path)?;
    let mut wait = Wait::until(Instant::now() + patience);
    loop {
        match read_at(&path)? {
            Status::Starting | Status::Running(None) if wait.goes_on() => {}
            status => return Ok(status),
        }
    }
}

/// A wait that polls until a deadline, with longer and longer pauses. The kernel reports no change of another process's
/// lock.
pub(super) struct Wait {
    deadline: Instant,
    pause: Duration,
}

impl Wait {
    pub fn until(deadline: Instant) -> Self {
        Self { deadline, pause: Duration::from_millis(1) }
    }

    /// Pauses. Returns false, without a pause, after the deadline.
    pub fn goes_on(&mut self) -> bool {
        const MAX_PAUSE: Duration = Duration::from_millis(16);
        let goes_on = Instant::now() < self.deadline;
        if goes_on {
            std::thread::sleep(self.pause);
            self.pause = MAX_PAUSE.min(self.pause * 2);
        }
        goes_on
    }
}

/// Reads the file until the number is a proven pid, or is the same twice. A daemon may start, end or hand over
/// meanwhile.
pub(super) fn read_at(path: &CString) -> Result<Status> {
    let mut before = None;
    for _ in 0..MAX_READS {
        let file = match fd::open(path, OFlag::O_RDONLY | FLAGS, Mode::empty()) {
            Err(Error { errno: Errno::ENOENT, .. }) => return Ok(Status::Stopped),
            result => result?,
        };
        let length = match lock::find_holder(file.as_fd(), path)? {
            Holder::NoDaemon => return Ok(Status::Stopped),
            Holder::Starting => return Ok(Status::Starting),
            Holder::Running { length } => length,
        };
        let named = read_pid(file.as_fd(), path)?;
        if let Some(pid) = named
            && is_lock_holder(pid, &stat::fstat(&file).during_path("fstat", path)?, length)?
        {
            return Ok(Status::Running(named));
        }
        if before == Some(named) {
            break;
        }
        before = Some(named);
    }
    Ok(Status::Running(None))
}

/// Returns true if the process `pid` has locked the file. The number in a file alone proves nothing:
///
/// - The process that it meant may be gone.
/// - It may come from another pid namespace.
/// - A daemon that runs as another user can write any number.
fn is_lock_holder(pid: i32, file: &FileStat, length: i64) -> Result<bool> {
    if !fingerprint::is_proc_ours() {
        return Ok(false);
    }
    match has_locked(pid, file, length) {
        // The process has ended.
        Err(Error { errno: Errno::ENOENT | Errno::ESRCH, .. }) => Ok(false),
        result => result,
    }
}

fn has_locked(pid: i32, file: &FileStat, length: i64) -> Result<bool> {
    let status = ProcStatus::of(&pid.to_string())?;
    if !can_be_holder(pid, &status, file) {
        return Ok(false);
    }
    match find_position(pid, &status, file) {
        // The process has more rights than we have, or we may not trace it. Then the lock's length must be its
        // fingerprint.
        Err(Error { errno: Errno::EACCES | Errno::EPERM, .. }) => Ok(fingerprint::of(pid) == Some(length)),
        result => result.map(|position| position.is_some()),
    }
}

/// Returns the file position of the descriptor through which a process has locked the file. None if the process has no
/// lock.
pub(super) fn find_lock_position(pid: i32, file: &FileStat) -> Result<Option<u64>> {
    find_position(pid, &ProcStatus::of(&pid.to_string())?, file)
}

/// Returns true if `pid` is a process, and not only a thread, that can be the daemon of this file.
///
/// The owner of a file can write any pid into it, and pass its lock to any process that accepts descriptors. So the
/// daemon of a stranger's file must be a process of that stranger.
fn can_be_holder(pid: i32, status: &ProcStatus, file: &FileStat) -> bool {
    let uids = status.field("Uid").unwrap_or_default();
    let is_owners = uids.split_whitespace().all(|uid| uid == file.st_uid.to_string());
    status.field("Tgid") == Some(&pid.to_string()) && (!is_strangers(file) || is_owners)
}

fn find_position(pid: i32, status: &ProcStatus, file: &FileStat) -> Result<Option<u64>> {
    if !status.is_zombie() {
        return descriptors::find_lock_position(&pid.to_string(), file);
    }
    // The first thread has ended, so it has no descriptors. The other threads may go on.
    for thread in fd::list(&c_string(&format!("/proc/{pid}/task"))?)? {
        let thread = format!("{pid}/task/{}", thread.to_string_lossy());
        match ProcStatus::of(&thread) {
            Err(Error { errno: Errno::ENOENT | Errno::ESRCH, .. }) => {}
            status if status.as_ref().is_ok_and(ProcStatus::is_zombie) => {}
            status => return status.and_then(|_| descriptors::find_lock_position(&thread, file)),
        }
    }
    Ok(None)
}
