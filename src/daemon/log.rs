//! Opens a daemon's log, and creates it for the user that the daemon becomes.

use std::ffi::CString;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{self, OFlag};
use nix::sys::stat::{self, Mode};
use nix::unistd::{self, Gid, Uid};

use crate::clone::credentials::Identity;
use crate::descriptor::fd;
use crate::descriptor::remove;
use crate::error::{During, Error, Result};
use crate::sys::c_string;

/// Opens a log to append to, and returns whether it was created. A new log gets exactly `mode`, and belongs to `owner`.
/// Fails with ENXIO for a FIFO without a reader, because a blocking open(2) would wait for a reader without end, see
/// fifo(7).
pub fn open(path: &str, mode: u32, owner: Option<&Identity>) -> Result<(OwnedFd, bool)> {
    let path = c_string(path)?;
    let flags = OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_CREAT | OFlag::O_NOCTTY | OFlag::O_NONBLOCK;
    let mode = Mode::from_bits_truncate(mode);
    let (fd, created) = match fd::open(&path, flags | OFlag::O_EXCL, mode) {
        Err(Error { errno: Errno::EEXIST, .. }) => (open_old(&path, flags, mode, owner)?, false),
        result => (result?, true),
    };
    let prepared = match created {
        true => prepare_new_log(&fd, mode, owner),
        false => Ok(()),
    };
    let prepared =
        prepared.and_then(|()| fcntl::fcntl(&fd, fcntl::FcntlArg::F_SETFL(OFlag::O_APPEND)).during("fcntl"));
    prepared.inspect_err(|_| {
        if created {
            // Report the first error, not this one.
            let _ = remove::remove_own(&path, &fd);
        }
    })?;
    Ok((fd, created))
}

/// Opens a log that exists. In a directory like /tmp, the kernel refuses O_CREAT on the file of another user, even to
/// root (fs.protected_regular, proc_sys_fs(5)). A log that an earlier start gave to `owner` is such a file, so it is
/// opened without O_CREAT.
fn open_old(path: &CString, flags: OFlag, mode: Mode, owner: Option<&Identity>) -> Result<OwnedFd> {
    let refused = match fd::open(path, flags, mode) {
        Err(error) if error.errno == Errno::EACCES => error,
        result => return result,
    };
    let Some(uid) = owner.and_then(|owner| owner.uid) else { return Err(refused) };
    let log = fd::open(path, flags - OFlag::O_CREAT, mode)?;
    let is_owners = stat::fstat(&log).during_path("fstat", path)?.st_uid == uid;
    if is_owners { Ok(log) } else { Err(refused) }
}

/// Sets the mode and the owner of a new log.
fn prepare_new_log(fd: &OwnedFd, mode: Mode, owner: Option<&Identity>) -> Result<()> {
    // open(2) applied the caller's umask: set the exact mode.
    stat::fchmod(fd, mode).during("fchmod")?;
    owner.map_or(Ok(()), |owner| give(fd, owner))
}

/// Gives a new file to the user that the daemon becomes. Otherwise the daemon could not reopen the file.
fn give(fd: &OwnedFd, owner: &Identity) -> Result<()> {
    let group = stat::fstat(fd).during("fstat")?.st_gid;
    // In a directory with the set-group-ID bit, the file keeps the group of the directory.
    let gid = (group == unistd::getegid().as_raw()).then(|| Gid::from_raw(owner.gid));
    match unistd::fchown(fd, owner.uid.map(Uid::from_raw), gid) {
        // Without CAP_CHOWN, or on a file system without owners, the file stays the caller's.
        Err(Errno::EPERM) => Ok(()),
        result => result.during("fchown"),
    }
}
