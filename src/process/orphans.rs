//! Orphans: children of descendants that the kernel reparents to this process because it is PID 1 or a subreaper.

use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::sys::uio;

use crate::descriptor::fd;
use crate::error::{During, Result};
use crate::process::own_children;
use crate::sys::process::{self, Waited, Which};

/// Flags of waitid(2). __WNOTHREAD: only children of the calling thread, because other threads start children, and wait for
/// them, without our knowing. __WALL: a child that was killed before its exec has no exit signal, and waitid(2) skips such a
/// child without this flag.
const SCOPE: libc::c_int = libc::WEXITED | libc::WNOHANG | libc::__WNOTHREAD | libc::__WALL;

/// Opens the kernel's list of the calling thread's children (/proc/PID/task/TID/children in proc(5)). The caller keeps the list
/// open, because orphans can end while the process is out of descriptors.
pub fn open_list() -> Result<OwnedFd> {
    fd::open(&c"/proc/thread-self/children".to_owned(), OFlag::O_RDONLY, Mode::empty())
}

/// Returns the pids of the zombies in a list, except for children that procnative has started.
pub fn zombies(list: impl AsFd) -> Result<Vec<i32>> {
    let mut zombies = Vec::new();
    for pid in
        read(list)?.split(u8::is_ascii_whitespace).filter_map(|pid| str::from_utf8(pid).ok()?.parse().ok())
    {
        if own_children::is_ours(pid) {
            continue;
        }
        match process::waitid(Which::Pid(pid), SCOPE | libc::WNOWAIT) {
            Ok(Some(_)) => zombies.push(pid),
            Ok(None) | Err(Errno::ECHILD) => {}
            Err(errno) => return Err(errno).during("waitid"),
        }
    }
    Ok(zombies)
}

/// Reads the whole list. The kernel generates the list at each read.
fn read(list: impl AsFd) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        match uio::pread(&list, &mut chunk, text.len() as i64).during("pread")? {
            0 => return Ok(text),
            length => text.extend_from_slice(&chunk[..length]),
        }
    }
}

/// Returns true if a child of any thread of this process is a zombie.
pub fn has_zombies() -> Result<bool> {
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
    match process::waitid(Which::Any, flags) {
        Err(Errno::ECHILD) => Ok(false),
        result => result.during("waitid").map(|found| found.is_some()),
    }
}

/// Reaps a child. Returns None if the child is gone or is not a zombie.
pub fn reap(pid: i32) -> Result<Option<Waited>> {
    match own_children::take(Which::Pid(pid), SCOPE) {
        Err(Errno::ECHILD) => Ok(None),
        result => result.during("waitid"),
    }
}
