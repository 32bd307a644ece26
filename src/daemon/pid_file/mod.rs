//! Pid files. The lock shows whether a daemon runs. The number in the file names the process.
//!
//! The lock belongs to an open file description (F_OFD_SETLK, fcntl(2)). It goes through fork and exec with the
//! descriptor. The kernel releases it when the last process that has the descriptor closes it or ends. Only the lock
//! decides whether a daemon runs: neither the existence of the file nor its content matters.
//!
//! | locked bytes   | meaning                                                      |
//! | -------------- | ------------------------------------------------------------ |
//! | none           | no daemon runs, whatever the content of the file             |
//! | the first byte | a daemon is being started, and the file does not name it yet |
//! | more           | a daemon runs, and the file has its pid                      |
//!
//! A start takes these steps:
//!
//! 1. The starting process locks the first byte.
//! 2. The child writes its pid between clone and exec (`clone/child.rs`).
//! 3. The child extends the lock. A program that sees more bytes locked can believe the number.
//!
//! The length of the lock is the fingerprint of the process that the number means (`fingerprint`).

mod descriptors;
pub mod held;
mod lock;
pub mod status;
pub mod stop;
mod succession;

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{self, FileStat, Mode};
use nix::sys::uio;
use nix::unistd::{self, Uid};

use crate::clone::fingerprint;
use crate::clone::plan::Plan;
use crate::descriptor::fd;
use crate::descriptor::remove;
use crate::error::{During, Error, Result};
use crate::sys;
use crate::sys::c_string;
use status::{Status, Wait};

/// Readable by the owner only. A process that can read the file could hold a read lock on it, and so prevent every
/// start.
const PID_FILE_MODE: u32 = 0o600;

/// The longest wait for a pid that can be believed. Without such a pid, a daemon is being started, or is ending: it has
/// given up its descriptors but not yet its locks. Both take milliseconds, unless the machine is very busy.
pub const SETTLE_TIMEOUT: Duration = Duration::from_secs(5);

/// The number of times that the file may be replaced, or its holder end, during one attempt to lock.
const MAX_ATTEMPTS: usize = 100;

/// Room for a pid and a newline, and for a byte that shows that the file has more.
const MAX_CONTENT_BYTES: usize = 16;

// O_NONBLOCK: a FIFO at that path is an error. Otherwise open(2) would wait for its other end, see fifo(7).
const FLAGS: OFlag = OFlag::O_NOFOLLOW.union(OFlag::O_NOCTTY).union(OFlag::O_NONBLOCK);

/// A pid file whose lock this process holds.
#[derive(Debug)]
pub struct PidFile {
    file: OwnedFd,
    path: CString,
}

/// The outcome of locking a pid file.
#[derive(Debug)]
pub enum Locked {
    /// This process has just locked the file, and has not written to it yet.
    Taken(Claim),
    /// This process holds the lock already. It is the daemon, or becomes the daemon when it is ready. The file may
    /// still name its predecessor.
    Held(Arc<PidFile>),
    /// Another daemon holds the lock. Its pid, if known.
    Running(Option<i32>),
    /// Another daemon is being started.
    Starting,
}

impl Locked {
    /// Returns the file if this process holds its lock.
    pub fn file(&self) -> Option<&PidFile> {
        match self {
            Self::Taken(claim) => claim.file(),
            Self::Held(file) => Some(file),
            Self::Running(_) | Self::Starting => None,
        }
    }

    /// Gives the lock to a new process, as its descriptor `target`. The new process writes its pid into a file that was
    /// locked for it. A file that the caller has held keeps the pid of the caller, or of its predecessor.
    pub fn give_to(&self, plan: &mut Plan, target: RawFd) -> Result<()> {
        let Some(file) = self.file() else { return Ok(()) };
        plan.place(file.as_fd().as_raw_fd(), target)?;
        if matches!(self, Self::Taken(_)) {
            plan.write_pid_to(target, file.path.clone());
        }
        Ok(())
    }
}

/// A pid file that was locked for a start. Dropping it removes the file, unless `keep` was called.
#[derive(Debug)]
pub struct Claim(Option<PidFile>);

impl Claim {
    pub fn file(&self) -> Option<&PidFile> {
        self.0.as_ref()
    }

    /// Makes the file stay.
    pub fn keep(mut self) -> Option<PidFile> {
        self.0.take()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(file) = &self.0 {
            // Report the error of the failed start, not this one. A file without a lock means nothing.
            let _ = file.discard();
        }
    }
}

impl PidFile {
    /// Locks the file at `path`. Creates the file if it does not exist, and follows no symbolic link. Waits up to
    /// `patience` for the pid of a daemon that is being started.
    pub fn lock(path: &str, patience: Duration) -> Result<Locked> {
        let path = c_string(path)?;
        let mut wait = Wait::until(Instant::now() + patience);
        let mut attempts = MAX_ATTEMPTS;
        loop {
            let file = open_or_create(&path)?;
            match lock::take(&file) {
                Ok(()) => {
                    let is_ours = make_ours(&file, &path);
                    let claim = Claim(Some(Self { file, path: path.clone() }));
                    if is_ours? {
                        claim.file().map_or(Ok(()), succession::mark).during_path("lseek", &path)?;
                        return Ok(Locked::Taken(claim));
                    }
                }
                Err(Errno::EAGAIN | Errno::EACCES) => {
                    if let Some(file) = held::find(&stat::fstat(&file).during_path("fstat", &path)?) {
                        return Ok(Locked::Held(file));
                    }
                }
                Err(errno) => return Err(errno).during_path("fcntl", &path),
            }
            match status::read_at(&path)? {
                Status::Running(Some(pid)) => return Ok(Locked::Running(Some(pid))),
                Status::Starting | Status::Running(None) if wait.goes_on() => {}
                Status::Starting => return Ok(Locked::Starting),
                Status::Running(None) => return Ok(Locked::Running(None)),
                // The holder has ended since, or another program holds a read lock.
                Status::Stopped if attempts > 0 => attempts -= 1,
                Status::Stopped => return Err(Errno::EAGAIN).during_path("fcntl", &path),
            }
        }
    }

    /// Takes over the descriptor through which this process has inherited the lock on `path`. Returns None if the
    /// descriptor is not a file, or if another description holds the lock. Does not check the file at `path`, because
    /// the user that a daemon has become may have no right to do so.
    pub fn adopt_inherited(descriptor: RawFd, path: &str) -> Result<Option<Self>> {
        let path = c_string(path)?;
        let named = sys::fd::borrow(descriptor);
        let is_file = stat::fstat(named).is_ok_and(|stat| is_regular(&stat));
        if !is_file || lock::find_holder(named, &path)? != lock::Holder::NoDaemon {
            return Ok(None);
        }
        fd::set_close_on_exec(named, true)?;
        // Adopting is safe: the process that started this one has passed the descriptor for this purpose. It is adopted
        // once.
        let file = sys::fd::adopt(descriptor);
        Ok(Some(Self { file, path }))
    }

    /// Like `adopt_inherited`, for a file that a predecessor has handed over. Returns None, too, if the inode differs.
    /// Succeeds once only, because other code may use the number of the descriptor later.
    pub fn adopt_handed_over(descriptor: RawFd, inode: u64, path: &str) -> Result<Option<Self>> {
        static IS_TAKEN: Mutex<bool> = Mutex::new(false);
        let mut is_taken = IS_TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        if *is_taken || fd::inode(sys::fd::borrow(descriptor)).ok() != Some(inode) {
            return Ok(None);
        }
        let file = Self::adopt_inherited(descriptor, path)?;
        *is_taken = file.is_some();
        Ok(file)
    }

    /// Writes `pid` into the file by one write, and makes the lock's length the fingerprint of `pid`.
    pub fn write(&self, pid: i32) -> Result<()> {
        let length = stat::fstat(&self.file).during_path("fstat", &self.path)?.st_size as usize;
        let line = format!("{pid}\n");
        // Overwrite the rest of a longer number with newlines. Until ftruncate(2), only empty lines then follow the
        // number.
        let padded = format!("{line:\n<width$}", width = length.min(MAX_CONTENT_BYTES));
        let written = uio::pwrite(&self.file, padded.as_bytes(), 0).during_path("pwrite", &self.path)?;
        if written < padded.len() {
            return Err(Errno::ENOSPC).during_path("pwrite", &self.path);
        }
        unistd::ftruncate(&self.file, line.len() as i64).during_path("ftruncate", &self.path)?;
        lock::extend(&self.file, fingerprint::of(pid)).during_path("fcntl", &self.path)
    }

    /// Returns true if the file names `pid`.
    pub fn names(&self, pid: i32) -> Result<bool> {
        Ok(read_pid(self.file.as_fd(), &self.path)? == Some(pid))
    }

    /// Removes the file if it names `pid` and is still at its path. Empties the file if we have no right to remove it.
    fn remove(&self, pid: i32) -> Result<()> {
        if self.names(pid)? { self.discard() } else { Ok(()) }
    }

    /// Like `remove`, whatever the content of the file.
    fn discard(&self) -> Result<()> {
        match remove::remove_own(&self.path, &self.file) {
            Err(Error { errno: Errno::EACCES | Errno::EPERM | Errno::EROFS, .. }) => {
                unistd::ftruncate(&self.file, 0).during_path("ftruncate", &self.path)
            }
            result => result.map(drop),
        }
    }

    /// Returns true if this is the file with that status.
    fn is_same(&self, stat: &FileStat) -> bool {
        stat::fstat(&self.file).is_ok_and(|own| fd::is_same(&own, stat))
    }
}

impl AsFd for PidFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Opens the file, or creates it. Uses O_CREAT only if there is no file: the kernel refuses O_CREAT on files of other
/// users in directories like /tmp (fs.protected_regular, proc_sys_fs(5)).
fn open_or_create(path: &CString) -> Result<OwnedFd> {
    let create = OFlag::O_CREAT | OFlag::O_EXCL;
    let file = loop {
        match fd::open(path, OFlag::O_RDWR | FLAGS, Mode::empty()) {
            Err(Error { errno: Errno::ENOENT, .. }) => {}
            result => break result?,
        }
        match fd::open(path, OFlag::O_RDWR | FLAGS | create, Mode::from_bits_truncate(PID_FILE_MODE)) {
            Err(Error { errno: Errno::EEXIST, .. }) => {}
            result => return result,
        }
    };
    let stat = stat::fstat(&file).during_path("fstat", path)?;
    if !is_regular(&stat) {
        return Err(Errno::EINVAL).during_path("open", path);
    }
    // A stranger may have made a hard link to a file of ours. Refuse it, so that nothing is written to that file.
    if stat.st_nlink > 1 {
        return Err(Errno::EMLINK).during_path("open", path);
    }
    Ok(file)
}

/// Returns false if the locked file is not at `path`, because another program has meanwhile removed or replaced it.
/// Also removes a stranger's file, and returns false: a program that has the file open could lock it later, and name
/// any process.
fn make_ours(file: &OwnedFd, path: &CString) -> Result<bool> {
    if !is_at(file, path)? {
        return Ok(false);
    }
    let is_gone = is_strangers(&stat::fstat(file).during_path("fstat", path)?)
        && remove::remove_own(path, file).is_ok();
    if !is_gone {
        shut_out_readers(file, path)?;
    }
    Ok(!is_gone)
}

/// Sets the mode of a new pid file on a file that belongs to this user.
fn shut_out_readers(file: &OwnedFd, path: &CString) -> Result<()> {
    let stat = stat::fstat(file).during_path("fstat", path)?;
    if stat.st_mode & 0o777 == PID_FILE_MODE || stat.st_uid != unistd::geteuid().as_raw() {
        return Ok(());
    }
    stat::fchmod(file, Mode::from_bits_truncate(PID_FILE_MODE)).during_path("fchmod", path)
}

/// Returns the pid that the file names, or None if it names none.
fn read_pid(file: BorrowedFd<'_>, path: &CString) -> Result<Option<i32>> {
    let mut text = [0; MAX_CONTENT_BYTES];
    let length = uio::pread(file, &mut text, 0).during_path("pread", path)?;
    let line = text[..length].split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(std::str::from_utf8(line).ok().and_then(|line| line.trim().parse().ok()).filter(|pid| *pid > 0))
}

/// Returns true if this file is at `path`.
fn is_at(file: &OwnedFd, path: &CString) -> Result<bool> {
    let ours = stat::fstat(file).during_path("fstat", path)?;
    match stat::lstat(path.as_c_str()) {
        Err(Errno::ENOENT) => Ok(false),
        result => result.during_path("lstat", path).map(|theirs| fd::is_same(&ours, &theirs)),
    }
}

/// Returns true if the file belongs to neither this user nor root.
fn is_strangers(stat: &FileStat) -> bool {
    let owner = Uid::from_raw(stat.st_uid);
    !owner.is_root() && owner != Uid::effective()
}

fn is_regular(stat: &FileStat) -> bool {
    stat.st_mode & libc::S_IFMT == libc::S_IFREG
}
