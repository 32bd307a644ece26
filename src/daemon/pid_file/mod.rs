//! Pid files: a lock that says whether a daemon runs, and a number that says which process it is.
//!
//! The lock is an open file description's (F_OFD_SETLK), so that it goes through fork and exec with the descriptor,
//! and the kernel drops it with the last process that has that. Nothing else is asked whether a daemon runs: not
//! whether the file is there, nor what stands in it.
//!
//! | locked         | means                                                       |
//! | -------------- | ----------------------------------------------------------- |
//! | nothing        | no daemon, whatever the file says                           |
//! | the first byte | one is being started: what the file says is not of this one |
//! | more           | one runs, and the file has its pid                          |
//!
//! Who starts a daemon locks the first byte. The daemon writes its pid and locks the rest between clone and exec
//! (`clone/child.rs`), so a program that sees more bytes locked can believe the number. The length is the fingerprint of
//! the process that the number is meant for (`fingerprint`).

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
use crate::error::{During, Error, Result};
use crate::sys;
use crate::sys::c_string;
use status::{Status, Wait};

/// Readable by its owner only: who can read a file can also hold a read lock on it, and with that stop every start.
const MODE: u32 = 0o600;

/// How long one may wait for a pid that can be believed: for a start that is on its way, or for a daemon that is at its
/// end, and has given up its descriptors but not yet its locks. It takes milliseconds, unless the machine is very busy.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How often the file may be replaced, or its holder end, between two looks.
const ATTEMPTS: usize = 100;

/// A pid, a newline, and room to see that there is more than that.
const LONGEST: usize = 16;

// O_NONBLOCK: a FIFO at that path is an error and no wait for ever.
const FLAGS: OFlag = OFlag::O_NOFOLLOW.union(OFlag::O_NOCTTY).union(OFlag::O_NONBLOCK);

/// A pid file whose lock this process has.
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
    /// This process is its daemon, or will be when it is ready: its predecessor's pid may still be in it.
    Held(Arc<PidFile>),
    /// Another daemon has it: this process, unless that can't be told.
    Running(Option<i32>),
    /// Another one is being started.
    Starting,
}

impl Locked {
    /// The file, if its lock is ours.
    pub fn file(&self) -> Option<&PidFile> {
        match self {
            Self::Taken(claim) => claim.file(),
            Self::Held(file) => Some(file),
            Self::Running(_) | Self::Starting => None,
        }
    }

    /// Gives the lock to a new process, as its descriptor `target`. The new process writes its pid into a file that was locked for
    /// it. A file that the caller has held keeps the pid of the caller, or of its predecessor.
    pub fn give_to(&self, plan: &mut Plan, target: RawFd) -> Result<()> {
        let Some(file) = self.file() else { return Ok(()) };
        plan.place(file.as_fd().as_raw_fd(), target)?;
        if matches!(self, Self::Taken(_)) {
            plan.write_pid_to(target, file.path.clone());
        }
        Ok(())
    }
}

/// A pid file that was locked for a start: it is removed when this is dropped, unless it is kept.
#[derive(Debug)]
pub struct Claim(Option<PidFile>);

impl Claim {
    pub fn file(&self) -> Option<&PidFile> {
        self.0.as_ref()
    }

    /// Lets the file stay.
    pub fn keep(mut self) -> Option<PidFile> {
        self.0.take()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(file) = &self.0 {
            // The error to tell of is why the start came to nothing; without its lock, the file means nothing.
            let _ = file.discard();
        }
    }
}

impl PidFile {
    /// Locks the file at `path`, which follows no symbolic link and is created if need be. Waits that long for the pid
    /// of a start that is on its way.
    pub fn lock(path: &str, patience: Duration) -> Result<Locked> {
        let path = c_string(path)?;
        let mut wait = Wait::until(Instant::now() + patience);
        let mut attempts = ATTEMPTS;
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
            match status::at(&path)? {
                Status::Running(Some(pid)) => return Ok(Locked::Running(Some(pid))),
                Status::Starting | Status::Running(None) if wait.goes_on() => {}
                Status::Starting => return Ok(Locked::Starting),
                Status::Running(None) => return Ok(Locked::Running(None)),
                // It has ended since; or what is in the way is somebody's lock to read.
                Status::Stopped if attempts > 0 => attempts -= 1,
                Status::Stopped => return Err(Errno::EAGAIN).during_path("fcntl", &path),
            }
        }
    }

    /// Takes over the descriptor by which the lock on `path` was inherited. None where that is no file, or the lock is
    /// somebody else's. Whether it is the file at `path` can't be asked by every user that a daemon may have become.
    pub fn inherited(descriptor: RawFd, path: &str) -> Result<Option<Self>> {
        let path = c_string(path)?;
        let named = sys::fd::borrow(descriptor);
        let is_file = stat::fstat(named).is_ok_and(|stat| is_regular(&stat));
        if !is_file || lock::holder(named, &path)? != lock::Holder::Nobody {
            return Ok(None);
        }
        fd::set_close_on_exec(named, true)?;
        // Who started this process put it there for this, and it is taken over once.
        let file = sys::fd::adopt(descriptor);
        Ok(Some(Self { file, path }))
    }

    /// The same, where it is the very file that a predecessor has handed to this process, once: later, the number may be
    /// somebody else's.
    pub fn handed_over(descriptor: RawFd, inode: u64, path: &str) -> Result<Option<Self>> {
        static IS_TAKEN: Mutex<bool> = Mutex::new(false);
        let mut is_taken = IS_TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        if *is_taken || fd::inode(sys::fd::borrow(descriptor)).ok() != Some(inode) {
            return Ok(None);
        }
        let file = Self::inherited(descriptor, path)?;
        *is_taken = file.is_some();
        Ok(file)
    }

    /// Makes `pid` the one that the file names, by one write(2).
    pub fn write(&self, pid: i32) -> Result<()> {
        let length = stat::fstat(&self.file).during_path("fstat", &self.path)?.st_size as usize;
        let line = format!("{pid}\n");
        // Where the number before was longer, what would be left of it are empty lines.
        let padded = format!("{line:\n<width$}", width = length.min(LONGEST));
        let written = uio::pwrite(&self.file, padded.as_bytes(), 0).during_path("pwrite", &self.path)?;
        if written < padded.len() {
            return Err(Errno::ENOSPC).during_path("pwrite", &self.path);
        }
        unistd::ftruncate(&self.file, line.len() as i64).during_path("ftruncate", &self.path)?;
        lock::extend(&self.file, fingerprint::of(pid)).during_path("fcntl", &self.path)
    }

    /// Whether the file names `pid`.
    pub fn names(&self, pid: i32) -> Result<bool> {
        Ok(read_pid(self.file.as_fd(), &self.path)? == Some(pid))
    }

    /// Removes the file if it is still ours and names `pid`; empties it where we may not remove it.
    fn remove(&self, pid: i32) -> Result<()> {
        if self.names(pid)? { self.discard() } else { Ok(()) }
    }

    /// The same, whatever it says.
    fn discard(&self) -> Result<()> {
        match fd::remove_own(&self.path, &self.file) {
            Err(Error { errno: Errno::EACCES | Errno::EPERM | Errno::EROFS, .. }) => {
                unistd::ftruncate(&self.file, 0).during_path("ftruncate", &self.path)
            }
            result => result.map(drop),
        }
    }

    /// Whether it is that file.
    fn is(&self, stat: &FileStat) -> bool {
        stat::fstat(&self.file).is_ok_and(|own| fd::is_same(&own, stat))
    }
}

impl AsFd for PidFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

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
            result => return result,
        }
    };
    let stat = stat::fstat(&file).during_path("fstat", path)?;
    if !is_regular(&stat) {
        return Err(Errno::EINVAL).during_path("open", path);
    }
    // A hard link to a file of ours, put there by somebody else: it is not to be written to.
    if stat.st_nlink > 1 {
        return Err(Errno::EMLINK).during_path("open", path);
    }
    Ok(file)
}

/// Returns false if the locked file is not at `path`, because another program has meanwhile removed or replaced it. Also removes
/// a stranger's file, and returns false: a program that has the file open could lock it later, and name any process.
fn make_ours(file: &OwnedFd, path: &CString) -> Result<bool> {
    if !is_at(file, path)? {
        return Ok(false);
    }
    let is_gone =
        is_strangers(&stat::fstat(file).during_path("fstat", path)?) && fd::remove_own(path, file).is_ok();
    if !is_gone {
        shut_out_readers(file, path)?;
    }
    Ok(!is_gone)
}

/// Gives a file that is ours the mode it would have been created with.
fn shut_out_readers(file: &OwnedFd, path: &CString) -> Result<()> {
    let stat = stat::fstat(file).during_path("fstat", path)?;
    if stat.st_mode & 0o777 == MODE || stat.st_uid != unistd::geteuid().as_raw() {
        return Ok(());
    }
    stat::fchmod(file, Mode::from_bits_truncate(MODE)).during_path("fchmod", path)
}

/// The pid that the file names.
fn read_pid(file: BorrowedFd<'_>, path: &CString) -> Result<Option<i32>> {
    let mut text = [0; LONGEST];
    let length = uio::pread(file, &mut text, 0).during_path("pread", path)?;
    let line = text[..length].split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(std::str::from_utf8(line).ok().and_then(|line| line.trim().parse().ok()).filter(|pid| *pid > 0))
}

/// Whether `path` leads to this very file.
fn is_at(file: &OwnedFd, path: &CString) -> Result<bool> {
    let ours = stat::fstat(file).during_path("fstat", path)?;
    match stat::lstat(path.as_c_str()) {
        Err(Errno::ENOENT) => Ok(false),
        result => result.during_path("lstat", path).map(|theirs| fd::is_same(&ours, &theirs)),
    }
}

/// Whether it belongs to neither us nor root.
fn is_strangers(stat: &FileStat) -> bool {
    let owner = Uid::from_raw(stat.st_uid);
    !owner.is_root() && owner != Uid::effective()
}

fn is_regular(stat: &FileStat) -> bool {
    stat.st_mode & libc::S_IFMT == libc::S_IFREG
}
