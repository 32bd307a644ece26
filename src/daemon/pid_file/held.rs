//! The pid files that this process is the daemon of, or will be when it is ready: taken by it, or handed over to it. Not
//! those of daemons that it is starting. To have a descriptor of such a file is no right to hand it on; to stand here is.

use std::io::Write;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::stat::FileStat;

use super::PidFile;
use crate::descriptor::fd;
use crate::error::Result;
use crate::sys;

static HELD: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

struct Entry {
    file: Arc<PidFile>,
    /// It named a predecessor when it came here, which waits for this process to be ready.
    handed: bool,
    /// A successor is being started, which has the lock too.
    lent: bool,
}

impl Entry {
    /// Whether it is this process's to hand on: not before its predecessor has, and to one successor at a time.
    fn is_free(&self) -> Result<bool> {
        Ok(!self.lent && (!self.handed || self.file.names(own_pid())?))
    }
}

fn held() -> MutexGuard<'static, Vec<Entry>> {
    // What a panic has left there is as good as before.
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One that was inherited: from here on it is this process's, and is let go of when that exits.
pub fn add(file: PidFile) -> Result<()> {
    let handed = !file.names(own_pid())?;
    keep(file, handed);
    Ok(())
}

/// The same with one that this process has locked and written.
pub fn add_own(file: PidFile) {
    keep(file, false);
}

fn keep(file: PidFile, handed: bool) {
    sys::process::at_exit_once(let_go_at_exit);
    held().push(Entry { file: Arc::new(file), handed, lent: false });
}

/// After the last of the program's own exit handlers: until then, it runs.
extern "C" fn let_go_at_exit() {
    if let Err(error) = release(own_pid()) {
        let _ = writeln!(std::io::stderr(), "procnative: the pid file could not be removed: {}", error.errno);
    }
}

/// The one that is this file.
pub fn find(stat: &FileStat) -> Option<Arc<PidFile>> {
    held().iter().find(|entry| entry.file.is(stat)).map(|entry| Arc::clone(&entry.file))
}

/// Makes `pid` the one that they name.
pub fn write(pid: i32) -> Result<()> {
    held().iter().try_for_each(|entry| entry.file.write(pid))
}

/// Lets go of all, and removes those that name `pid`; not one that is lent, which a successor may have by now.
pub fn release(pid: i32) -> Result<()> {
    let entries = std::mem::take(&mut *held());
    entries.iter().filter(|entry| !entry.lent).try_for_each(|entry| entry.file.remove(pid))
}

/// The environment variable by which a successor finds out which descriptor is its pid file: `DESCRIPTOR:INODE:PID`, up
/// to the pid. With the pid of another process it means nothing.
pub fn marker(file: &PidFile, descriptor: RawFd) -> Result<String> {
    Ok(format!("{MARKER}={descriptor}:{}:", fd::inode(file)?))
}

const MARKER: &str = "PROCNATIVE_PID_FILE";

/// A pid file that is on its way to a successor. Dropped, it has stayed what it was.
#[derive(Debug)]
pub struct Loan(Arc<PidFile>);

/// Lends a file to a successor; None while it is not this process's to hand on.
pub fn lend(file: &Arc<PidFile>) -> Result<Option<Loan>> {
    let mut entries = held();
    let Some(entry) = entries.iter_mut().find(|entry| Arc::ptr_eq(&entry.file, file)) else {
        return Ok(None);
    };
    if !entry.is_free()? {
        return Ok(None);
    }
    entry.lent = true;
    Ok(Some(Loan(Arc::clone(file))))
}

pub fn own_pid() -> i32 {
    std::process::id() as i32
}

impl Loan {
    /// The successor is ready: the file names it, and is ours no longer.
    pub fn settle(self, pid: i32) -> Result<()> {
        self.0.write(pid)?;
        held().retain(|entry| !Arc::ptr_eq(&entry.file, &self.0));
        Ok(())
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        for entry in held().iter_mut().filter(|entry| Arc::ptr_eq(&entry.file, &self.0)) {
            entry.lent = false;
        }
    }
}
