//! The pid files of this process: it is their daemon, or becomes their daemon when it is ready. It has locked them
//! itself, or a predecessor has handed them over. Pid files of daemons that this process starts are not in the list.
//!
//! This process may hand on a pid file in the list only. A descriptor of a pid file alone gives no such right.

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
    /// The file named a predecessor when this process got it. The predecessor waits until this process is ready.
    is_handed_over: bool,
    /// A successor is being started, and has the lock too.
    is_lent: bool,
}

impl Entry {
    /// Returns true if this process may hand the file on: to one successor at a time, and not before the predecessor
    /// has handed it over completely.
    fn can_be_lent(&self) -> Result<bool> {
        Ok(!self.is_lent && (!self.is_handed_over || self.file.names(own_pid())?))
    }
}

fn lock_list() -> MutexGuard<'static, Vec<Entry>> {
    // The list is valid even after a panic of another thread that held the lock.
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds a pid file that this process has inherited.
pub fn add_inherited(file: PidFile) -> Result<()> {
    let is_handed_over = !file.names(own_pid())?;
    add(file, is_handed_over);
    Ok(())
}

/// Adds a pid file that this process has locked and written.
pub fn add_own(file: PidFile) {
    add(file, false);
}

/// Adds a pid file, which is released when this process exits.
fn add(file: PidFile, is_handed_over: bool) {
    sys::process::at_exit_once(release_at_exit);
    lock_list().push(Entry { file: Arc::new(file), is_handed_over, is_lent: false });
}

/// Runs after the last exit handler of the program, because the daemon runs until then.
extern "C" fn release_at_exit() {
    if let Err(error) = release(own_pid()) {
        let _ = writeln!(std::io::stderr(), "procnative: the pid file could not be removed: {}", error.errno);
    }
}

/// Returns the pid file in the list that is this file.
pub fn find(stat: &FileStat) -> Option<Arc<PidFile>> {
    lock_list().iter().find(|entry| entry.file.is_same(stat)).map(|entry| Arc::clone(&entry.file))
}

/// Writes `pid` into all pid files in the list.
pub fn write(pid: i32) -> Result<()> {
    lock_list().iter().try_for_each(|entry| entry.file.write(pid))
}

/// Empties the list, and removes the files that name `pid`. Does not remove a lent file, which may belong to a
/// successor by now.
pub fn release(pid: i32) -> Result<()> {
    let entries = std::mem::take(&mut *lock_list());
    entries.iter().filter(|entry| !entry.is_lent).try_for_each(|entry| entry.file.remove(pid))
}

/// Returns the environment variable that tells a successor the descriptor of its pid file: `NAME=DESCRIPTOR:INODE:`.
/// The child appends its pid. The variable means nothing in a process with another pid.
pub fn build_marker(file: &PidFile, descriptor: RawFd) -> Result<String> {
    Ok(format!("{MARKER}={descriptor}:{}:", fd::inode(file)?))
}

const MARKER: &str = "PROCNATIVE_PID_FILE";

/// A pid file that is lent to a successor. Dropping it ends the loan.
#[derive(Debug)]
pub struct Loan(Arc<PidFile>);

/// Lends a file to a successor. Returns None if this process may not hand the file on now.
pub fn lend(file: &Arc<PidFile>) -> Result<Option<Loan>> {
    let mut entries = lock_list();
    let Some(entry) = entries.iter_mut().find(|entry| Arc::ptr_eq(&entry.file, file)) else {
        return Ok(None);
    };
    if !entry.can_be_lent()? {
        return Ok(None);
    }
    entry.is_lent = true;
    Ok(Some(Loan(Arc::clone(file))))
}

pub fn own_pid() -> i32 {
    std::process::id() as i32
}

impl Loan {
    /// Writes the pid of the successor into the file, and removes the file from the list.
    pub fn hand_over(self, pid: i32) -> Result<()> {
        self.0.write(pid)?;
        lock_list().retain(|entry| !Arc::ptr_eq(&entry.file, &self.0));
        Ok(())
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        for entry in lock_list().iter_mut().filter(|entry| Arc::ptr_eq(&entry.file, &self.0)) {
            entry.is_lent = false;
        }
    }
}
