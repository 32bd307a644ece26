//! Whether the daemon of a pid file runs, and which process it is.

use std::ffi::CString;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant, SystemTime};

use nix::errno::Errno;
use nix::fcntl::{self, OFlag};
use nix::sys::stat::{self, FileStat, Mode};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{self, SysconfVar};

use super::lock::{self, Holder};
use super::{FLAGS, PATIENCE, is_strangers, read_pid};
use crate::error::{During, Error, Result};
use crate::plan::c_string;
use crate::{fd, proc_stat};

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

/// The same, once it has a pid, or has waited long enough for one.
pub fn settled(path: &str) -> Result<Status> {
    let path = c_string(path)?;
    let mut wait = Wait::until(Instant::now() + PATIENCE);
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
        match lock::holder(file.as_fd(), path)? {
            Holder::Nobody => return Ok(Status::Stopped),
            Holder::Starting => return Ok(Status::Starting),
            Holder::Running => {}
        }
        let named = read_pid(file.as_fd(), path)?;
        if let Some(pid) = named
            && holds(pid, &stat::fstat(&file).during_path("fstat", path)?)?
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

/// Whether a process has that file locked. A number that stands in a file proves nothing: the process that it was may
/// be gone, and whoever can write to the file, as a daemon can that runs as another user, can write any.
fn holds(pid: i32, file: &FileStat) -> Result<bool> {
    if !unless_gone(may_be_of(pid, file))? {
        return Ok(false);
    }
    match unless_gone(has_locked(pid, file)) {
        // It has more rights than we have, or we may not trace it: its age must do, for it was there when the
        // number was written.
        Err(Error { errno: Errno::EACCES | Errno::EPERM, .. }) => Ok(is_as_old_as(pid, file)),
        result => result,
    }
}

/// Of a process that is gone while we look, nothing holds.
fn unless_gone(answer: Result<bool>) -> Result<bool> {
    match answer {
        Err(Error { errno: Errno::ENOENT | Errno::ESRCH, .. }) => Ok(false),
        result => result,
    }
}

/// Whether that is a process, and not only a thread, of which this file may be. Whoever owns a file has it name anybody, and can
/// pass its lock on to anybody who takes descriptors: of a stranger's file only a process of the stranger's own is believed.
fn may_be_of(pid: i32, file: &FileStat) -> Result<bool> {
    let status = fd::read(&c_string(&format!("/proc/{pid}/status"))?)?;
    let field = |name| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    let is_owners = field("Uid:").split_whitespace().all(|uid| uid == file.st_uid.to_string());
    Ok(field("Tgid:\t") == pid.to_string() && (!is_strangers(file) || is_owners))
}

/// proc_pid_fdinfo(5): each descriptor's locks are told with it.
fn has_locked(pid: i32, file: &FileStat) -> Result<bool> {
    for number in fd::list(&c_string(&format!("/proc/{pid}/fd"))?)? {
        match is_lock_of(pid, &number.to_string_lossy(), file) {
            // Closed since.
            Err(Error { errno: Errno::ENOENT, .. }) => {}
            Ok(false) => {}
            answer => return answer,
        }
    }
    Ok(false)
}

/// The file itself is looked at last, and only where it is a locked one: the file system of another may not answer any more.
fn is_lock_of(pid: i32, number: &str, file: &FileStat) -> Result<bool> {
    let path = c_string(&format!("/proc/{pid}/fd/{number}"))?;
    let is_named =
        fcntl::readlink(path.as_c_str()).during_path("readlink", &path)?.as_bytes().starts_with(b"/");
    if !is_named {
        return Ok(false);
    }
    let info = fd::read(&c_string(&format!("/proc/{pid}/fdinfo/{number}"))?)?;
    let is_lock = |line: &str| line.starts_with("lock:") && line.contains("OFDLCK") && line.contains("WRITE");
    Ok(info.lines().any(is_lock)
        && fd::is_same(&stat::stat(path.as_c_str()).during_path("stat", &path)?, file))
}

/// Whether a process was started before the file was last written, give or take what clocks are set by.
fn is_as_old_as(pid: i32, file: &FileStat) -> bool {
    const TOLERANCE: Duration = Duration::from_secs(2);
    let written = SystemTime::UNIX_EPOCH + Duration::from_secs(file.st_mtime.max(0) as u64);
    let since = SystemTime::now().duration_since(written).unwrap_or_default();
    age(pid).is_some_and(|age| age + TOLERANCE >= since)
}

/// Field 22, starttime, is in ticks since the machine was started.
fn age(pid: i32) -> Option<Duration> {
    let stat = fd::read(&c_string(&format!("/proc/{pid}/stat")).ok()?).ok()?;
    let ticks: u64 = proc_stat::field(&stat, 22)?.parse().ok()?;
    let per_second = unistd::sysconf(SysconfVar::CLK_TCK).ok()?? as u64;
    let up = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME).ok()?);
    Some(up.saturating_sub(Duration::from_millis(ticks * 1000 / per_second)))
}
