//! Children that this process has not started: orphans of its descendants, which it was given as PID 1 or as a subreaper.

use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::sys::uio;

use crate::descriptor::fd;
use crate::error::{During, Result};
use crate::process::own_children;
use crate::sys::process::{self, Waited, Which};

/// Only children of the calling thread: the others' are started, and waited for, without our knowing. With __WALL, since
/// one that was killed before its exec is of no kind that is waited for without.
const SCOPE: libc::c_int = libc::WEXITED | libc::WNOHANG | libc::__WNOTHREAD | libc::__WALL;

/// The kernel's list of the calling thread's children. It is kept open: when descriptors run out, orphans go on ending.
pub fn open_list() -> Result<OwnedFd> {
    fd::open(&c"/proc/thread-self/children".to_owned(), OFlag::O_RDONLY, Mode::empty())
}

/// The zombies in a list, but for procnative's own.
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

/// The kernel makes the list up as it is read.
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

/// Whether there are zombies among this process's children, of any thread's.
pub fn are_there() -> Result<bool> {
    let look = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
    match process::waitid(Which::Any, look) {
        Err(Errno::ECHILD) => Ok(false),
        result => result.during("waitid").map(|found| found.is_some()),
    }
}

/// Reaps one. None where it is gone, or no zombie.
pub fn reap(pid: i32) -> Result<Option<Waited>> {
    match own_children::take(Which::Pid(pid), SCOPE) {
        Err(Errno::ECHILD) => Ok(None),
        result => result.during("waitid"),
    }
}
