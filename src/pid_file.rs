//! Pid files: a lock that says whether a daemon runs, and a number that says which process it is.
//!
//! The lock is an open file description's (F_OFD_SETLK), so that it goes through fork and exec with the descriptor,
//! and the kernel drops it with the last process that has that. Nothing else is asked whether a daemon runs: not
//! whether the file is there, nor what stands in it.
//!
//! | locked             | means                                                       |
//! | ------------------ | ----------------------------------------------------------- |
//! | nothing            | no daemon, whatever the file says                           |
//! | its first byte     | one is being started: what the file says is not of this one |
//! | all of it          | one runs, and the file has its pid                          |
//!
//! Who starts a daemon locks the first byte. The daemon writes its pid and locks the rest between clone and exec
//! (`spawn/child.rs`), so that there is no moment in which the lock is held and the number wrong.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{self, FcntlArg, OFlag};
use nix::sys::stat::{self, FileStat, Mode};
use nix::sys::uio;
use nix::unistd;

use crate::error::{During, Error, Result};
use crate::plan::c_string;
use crate::{fd, sys};

/// Readable by its owner only: who can read a file can also hold a read lock on it, and with that stop every start.
const MODE: u32 = 0o600;

/// How long a start that is on its way may take to come to its pid; a few milliseconds, unless it was stopped.
const PATIENCE: Duration = Duration::from_secs(1);

/// More than one daemon can hand over meanwhile, but not for ever.
const LOOKS: usize = 16;

/// A pid, a newline, and room to see that there is more than that.
const LONGEST: usize = 16;

/// A pid file whose lock this process holds.
#[derive(Debug)]
pub struct PidFile {
    file: OwnedFd,
    path: CString,
}

/// How an attempt to lock went.
#[derive(Debug)]
pub enum Locked {
    /// Now it is ours, and nobody has written to it yet.
    Taken(Claim),
    /// It was ours already: this process took it, or was started by the daemon that holds it to succeed that.
    Held(PidFile),
    /// Another process's, which is this one.
    Running(Option<i32>),
}

impl Locked {
    /// The file, if it is ours.
    pub fn file(&self) -> Option<&PidFile> {
        match self {
            Self::Taken(claim) => claim.0.as_ref(),
            Self::Held(file) => Some(file),
            Self::Running(_) => None,
        }
    }

    /// The same, to stay as long as its lock is held.
    pub fn into_file(self) -> Option<PidFile> {
        match self {
            Self::Taken(mut claim) => claim.0.take(),
            Self::Held(file) => Some(file),
            Self::Running(_) => None,
        }
    }
}

/// A pid file that was locked for a start: it is removed when this is dropped, unless it is kept.
#[derive(Debug)]
pub struct Claim(Option<PidFile>);

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(file) = &self.0 {
            // The error to tell of is why the start came to nothing; without its lock, the file means nothing.
            let _ = file.discard();
        }
    }
}

/// Whether a daemon runs, and which process it is, unless that can't be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    pub running: bool,
    pub pid: Option<i32>,
}

/// What is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Nobody,
    Starting,
    Running,
    /// Somebody who only reads, and is no daemon.
    Reader,
}

impl PidFile {
    /// Locks the file at `path`, which follows no symbolic link and is created if need be. Waits for the pid of a
    /// start that is on its way.
    pub fn lock(path: &str) -> Result<Locked> {
        let path = c_string(path)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let file = open_or_create(&path)?;
            match set_lock(&file, FIRST_BYTE) {
                // Somebody may have removed it, or put another into its place, while we were at it.
                Ok(()) if is_at(&file, &path)? => {
                    shut_out_readers(&file, &path)?;
                    return Ok(Locked::Taken(Claim(Some(Self { file, path }))));
                }
                Ok(()) | Err(Errno::EAGAIN | Errno::EACCES) => {}
                Err(errno) => return Err(errno).during_path("fcntl", &path),
            }
            if let Some(file) = held_here(&file)? {
                return Ok(Locked::Held(Self { file, path }));
            }
            let late = Instant::now() >= deadline;
            match holder(file.as_fd(), &path)? {
                Holder::Running => return Ok(Locked::Running(settle(&path)?.pid)),
                Holder::Starting if late => return Ok(Locked::Running(None)),
                Holder::Reader => return Err(Errno::EAGAIN).during_path("fcntl", &path),
                Holder::Nobody if late => return Err(Errno::EAGAIN).during_path("fcntl", &path),
                // There is nothing to wait on that would also wake at a deadline.
                Holder::Starting | Holder::Nobody => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// Takes over the descriptor by which a daemon inherited the lock on `path`.
    #[allow(unsafe_code)]
    pub fn inherited(descriptor: RawFd, path: &str) -> Result<Self> {
        let named = sys::fd::borrow(descriptor);
        require_file(named, &c_string(path)?)?;
        fd::close_on_exec(named)?;
        // SAFETY: the launcher put it there for this, and its settings, which name it, are read once.
        let file = unsafe { sys::fd::adopt(descriptor) };
        Ok(Self { file, path: c_string(path)? })
    }

    /// Makes `pid` the one that the file names, by one write(2).
    pub fn write(&self, pid: i32) -> Result<()> {
        let length = stat::fstat(&self.file).during_path("fstat", &self.path)?.st_size as usize;
        let line = format!("{pid}\n");
        // Where the number before was longer, what would be left of it are empty lines.
        let padded = format!("{line:\n<width$}", width = length.min(LONGEST));
        let written = uio::pwrite(&self.file, padded.as_bytes(), 0).during_path("pwrite", &self.path)?;
        debug_assert_eq!(written, padded.len());
        unistd::ftruncate(&self.file, line.len() as i64).during_path("ftruncate", &self.path)?;
        set_lock(&self.file, ALL).during_path("fcntl", &self.path)
    }

    /// Removes the file if it is still ours and names `pid`; empties it where we may not remove it.
    pub fn remove(&self, pid: i32) -> Result<()> {
        if read_pid(self.file.as_fd(), &self.path)? == Some(pid) { self.discard() } else { Ok(()) }
    }

    /// The same, whatever it says.
    fn discard(&self) -> Result<()> {
        if !is_at(&self.file, &self.path)? {
            return Ok(());
        }
        match unistd::unlink(self.path.as_c_str()) {
            Err(Errno::EACCES | Errno::EPERM | Errno::EROFS) => {
                unistd::ftruncate(&self.file, 0).during_path("ftruncate", &self.path)
            }
            result => result.during_path("unlink", &self.path),
        }
    }

    pub fn path(&self) -> &CString {
        &self.path
    }
}

impl AsFd for PidFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Whether the daemon of a pid file runs. Takes no lock, and believes the file only where the process that it names
/// has it open.
pub fn status(path: &str) -> Result<Status> {
    settle(&c_string(path)?)
}

/// The same, once a start that is on its way has come to its pid.
pub fn status_after_start(path: &str) -> Result<Status> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match status(path)? {
            Status { running: true, pid: None } if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(1));
            }
            status => return Ok(status),
        }
    }
}

/// Looks until it has seen a pid that is true, or the same twice: a daemon may come, go, or hand over meanwhile.
fn settle(path: &CString) -> Result<Status> {
    let mut before = None;
    for _ in 0..LOOKS {
        let file = match fd::open(path, OFlag::O_RDONLY | FLAGS, Mode::empty()) {
            Err(Error { errno: Errno::ENOENT, .. }) => return Ok(Status { running: false, pid: None }),
            result => result?,
        };
        let seen = match holder(file.as_fd(), path)? {
            Holder::Nobody | Holder::Reader => return Ok(Status { running: false, pid: None }),
            Holder::Starting => None,
            Holder::Running => read_pid(file.as_fd(), path)?,
        };
        if let Some(pid) = seen
            && has_open(pid, &stat::fstat(&file).during_path("fstat", path)?)
        {
            return Ok(Status { running: true, pid: Some(pid) });
        }
        if before == Some(seen) {
            break;
        }
        before = Some(seen);
    }
    Ok(Status { running: true, pid: None })
}

// O_NONBLOCK: a FIFO at that path is an error and no wait for ever.
const FLAGS: OFlag = OFlag::O_NOFOLLOW.union(OFlag::O_NOCTTY).union(OFlag::O_NONBLOCK);

/// O_CREAT only where it is not there: the kernel refuses it on others' files in /tmp (fs.protected_regular).
fn open_or_create(path: &CString) -> Result<OwnedFd> {
    let create = OFlag::O_CREAT | OFlag::O_EXCL;
    let file = loop {
        match fd::open(path, OFlag::O_RDWR | FLAGS, Mode::empty()) {
            Err(Error { errno: Errno::ENOENT, .. }) => {}
            result => break result?,
        }
        match fd::open(path, OFlag::O_RDWR | FLAGS | create, Mode::from_bits_truncate(MODE)) {
            Err(Error { errno: Errno::EEXIST, .. }) => {}
            result => break result?,
        }
    };
    require_file(file.as_fd(), path)?;
    Ok(file)
}

fn require_file(file: BorrowedFd<'_>, path: &CString) -> Result<()> {
    let kind = stat::fstat(file).during_path("fstat", path)?.st_mode & libc::S_IFMT;
    if kind == libc::S_IFREG { Ok(()) } else { Err(Errno::EINVAL).during_path("open", path) }
}

/// Gives a file that is ours the mode it would have been created with.
fn shut_out_readers(file: &OwnedFd, path: &CString) -> Result<()> {
    let stat = stat::fstat(file).during_path("fstat", path)?;
    if stat.st_mode & 0o777 == MODE || stat.st_uid != unistd::geteuid().as_raw() {
        return Ok(());
    }
    stat::fchmod(file, Mode::from_bits_truncate(MODE)).during_path("fchmod", path)
}

/// A range of bytes: start and length, where 0 is all there is.
type Range = (i64, i64);
const FIRST_BYTE: Range = (0, 1);
const ALL: Range = (0, 0);

fn write_lock((start, length): Range) -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: start,
        l_len: length,
        l_pid: 0,
    }
}

fn set_lock(file: &OwnedFd, range: Range) -> nix::Result<()> {
    fcntl::fcntl(file, FcntlArg::F_OFD_SETLK(&write_lock(range))).map(drop)
}

/// Who, other than this very description, has the file locked.
fn holder(file: BorrowedFd<'_>, path: &CString) -> Result<Holder> {
    let mut lock = write_lock(ALL);
    fcntl::fcntl(file, FcntlArg::F_OFD_GETLK(&mut lock)).during_path("fcntl", path)?;
    Ok(match i32::from(lock.l_type) {
        libc::F_UNLCK => Holder::Nobody,
        libc::F_RDLCK => Holder::Reader,
        _ if (lock.l_start, lock.l_len) == FIRST_BYTE => Holder::Starting,
        _ => Holder::Running,
    })
}

/// A duplicate of the descriptor by which this process holds the lock, if it does: through that one, nobody is in
/// the way, and through a fresh one somebody is.
fn held_here(fresh: &OwnedFd) -> Result<Option<OwnedFd>> {
    let wanted = stat::fstat(fresh).during("fstat")?;
    for number in fd::numbers()? {
        let other = sys::fd::borrow(number);
        let same =
            number != fresh.as_raw_fd() && stat::fstat(other).is_ok_and(|stat| is_same(&stat, &wanted));
        if same && is_locked(fresh.as_fd()) && !is_locked(other) {
            // It may have come through an exec, and is not for this process's children.
            fd::close_on_exec(other)?;
            return fd::duplicate(number).map(Some);
        }
    }
    Ok(None)
}

fn is_locked(file: BorrowedFd<'_>) -> bool {
    let mut lock = write_lock(ALL);
    // One that was opened by O_PATH can't be asked, and holds nothing.
    let asked = fcntl::fcntl(file, FcntlArg::F_OFD_GETLK(&mut lock));
    asked.is_err() || i32::from(lock.l_type) != libc::F_UNLCK
}

/// The pid that the file names.
fn read_pid(file: BorrowedFd<'_>, path: &CString) -> Result<Option<i32>> {
    let mut text = [0; LONGEST];
    let length = uio::pread(file, &mut text, 0).during_path("pread", path)?;
    let line = text[..length].split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(std::str::from_utf8(line).ok().and_then(|line| line.trim().parse().ok()).filter(|pid| *pid > 0))
}

/// Whether a process has that file open, as one has that holds a lock on it. Where we may not look, because the
/// process has more rights than we have, the file's word must do: it can't make us harm what we may not touch.
fn has_open(pid: i32, file: &FileStat) -> bool {
    match std::fs::read_dir(format!("/proc/{pid}/fd")) {
        Err(error) => error.kind() == std::io::ErrorKind::PermissionDenied,
        Ok(entries) => {
            entries.flatten().any(|entry| stat::stat(&entry.path()).is_ok_and(|stat| is_same(&stat, file)))
        }
    }
}

/// Whether `path` leads to this very file.
fn is_at(file: &OwnedFd, path: &CString) -> Result<bool> {
    let ours = stat::fstat(file).during_path("fstat", path)?;
    match stat::lstat(path.as_c_str()) {
        Err(Errno::ENOENT) => Ok(false),
        result => result.during_path("lstat", path).map(|theirs| is_same(&ours, &theirs)),
    }
}

fn is_same(one: &FileStat, other: &FileStat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}
