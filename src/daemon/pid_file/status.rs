//! Whether the daemon of a pid file runs, and which process it is.

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

/// More than one daemon can hand over while we look, but not for ever.
const LOOKS: usize = 16;

/// What there is to say of a pid file's daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Stopped,
    /// One is being started.
    Starting,
    /// One runs: this process, unless that can't be told.
    Running(Option<i32>),
}

/// Takes no lock, and believes the file only where the process that it names has the lock.
pub fn of(path: &str) -> Result<Status> {
    at(&c_string(path)?)
}

/// Like `of`, but waits up to `patience` until the file has a pid.
pub fn settled(path: &str, patience: Duration) -> Result<Status> {
    let path = c_string(path)?;
    let mut wait = Wait::until(Instant::now() + patience);
    loop {
        match at(&path)? {
            Status::Starting | Status::Running(None) if wait.goes_on() => {}
            status => return Ok(status),
        }
    }
}

/// Looks again and again, less and less often: there is nothing to wait on that would also wake at a deadline.
pub(super) struct Wait {
    deadline: Instant,
    pause: Duration,
}

impl Wait {
    pub fn until(deadline: Instant) -> Self {
        Self { deadline, pause: Duration::from_millis(1) }
    }

    /// Pauses; false once the time is over.
    pub fn goes_on(&mut self) -> bool {
        const LONGEST: Duration = Duration::from_millis(16);
        let goes_on = Instant::now() < self.deadline;
        if goes_on {
            std::thread::sleep(self.pause);
            self.pause = LONGEST.min(self.pause * 2);
        }
        goes_on
    }
}

/// Looks until it has seen a pid that is true, or the same twice: a daemon may come, go, or hand over meanwhile.
pub(super) fn at(path: &CString) -> Result<Status> {
    let mut before = None;
    for _ in 0..LOOKS {
        let file = match fd::open(path, OFlag::O_RDONLY | FLAGS, Mode::empty()) {
            Err(Error { errno: Errno::ENOENT, .. }) => return Ok(Status::Stopped),
            result => result?,
        };
        let length = match lock::holder(file.as_fd(), path)? {
            Holder::Nobody => return Ok(Status::Stopped),
            Holder::Starting => return Ok(Status::Starting),
            Holder::Running { length } => length,
        };
        let named = read_pid(file.as_fd(), path)?;
        if let Some(pid) = named
            && holds(pid, &stat::fstat(&file).during_path("fstat", path)?, length)?
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

/// Returns true if a process has locked the file. A number in a file proves nothing: the process that it meant may be
/// gone, it may come from another pid namespace, and a daemon that runs as another user can write any number.
fn holds(pid: i32, file: &FileStat, length: i64) -> Result<bool> {
    if !fingerprint::is_proc_ours() {
        return Ok(false);
    }
    match is_holder(pid, file, length) {
        // The process is gone by now.
        Err(Error { errno: Errno::ENOENT | Errno::ESRCH, .. }) => Ok(false),
        result => result,
    }
}

fn is_holder(pid: i32, file: &FileStat, length: i64) -> Result<bool> {
    let status = ProcStatus::of(&pid.to_string())?;
    if !may_be_of(pid, &status, file) {
        return Ok(false);
    }
    match position(pid, &status, file) {
        // The process has more rights than we have, or we may not trace it. Then the lock's length must be its fingerprint.
        Err(Error { errno: Errno::EACCES | Errno::EPERM, .. }) => Ok(fingerprint::of(pid) == Some(length)),
        result => result.map(|position| position.is_some()),
    }
}

/// Returns the file position of the descriptor by which a process has locked the file. None if the process has no lock.
pub(super) fn lock_position(pid: i32, file: &FileStat) -> Result<Option<u64>> {
    position(pid, &ProcStatus::of(&pid.to_string())?, file)
}

/// Whether that is a process, and not only a thread, of which this file may be. Whoever owns a file has it name anybody, and can
/// pass its lock on to anybody who takes descriptors: of a stranger's file only a process of the stranger's own is believed.
fn may_be_of(pid: i32, status: &ProcStatus, file: &FileStat) -> bool {
    let uids = status.field("Uid").unwrap_or_default();
    let is_owners = uids.split_whitespace().all(|uid| uid == file.st_uid.to_string());
    status.field("Tgid") == Some(&pid.to_string()) && (!is_strangers(file) || is_owners)
}

fn position(pid: i32, status: &ProcStatus, file: &FileStat) -> Result<Option<u64>> {
    if !status.is_zombie() {
        return descriptors::lock_position(&pid.to_string(), file);
    }
    // The first thread has ended, so it has no descriptors. The other threads may go on.
    for thread in fd::list(&c_string(&format!("/proc/{pid}/task"))?)? {
        let thread = format!("{pid}/task/{}", thread.to_string_lossy());
        match ProcStatus::of(&thread) {
            Err(Error { errno: Errno::ENOENT | Errno::ESRCH, .. }) => {}
            status if status.as_ref().is_ok_and(ProcStatus::is_zombie) => {}
            status => return status.and_then(|_| descriptors::lock_position(&thread, file)),
        }
    }
    Ok(None)
}
