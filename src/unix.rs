//! Listening Unix sockets, whose file has its mode from the first moment and replaces a dead one.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::sys::socket::{self, AddressFamily, Backlog, SockFlag, SockType, UnixAddr};
use nix::sys::stat::{self, Mode};
use nix::unistd;

use crate::error::{During, Error, Result};
use crate::plan::c_string;
use crate::{fd, spawn};

/// How long another process may take to bind in the same directory.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where to listen.
pub enum Address {
    File(String),
    /// Without the NUL that it begins with.
    Abstract(String),
}

/// A listening stream socket.
pub fn listen(address: &Address, mode: u32, backlog: i32) -> Result<OwnedFd> {
    let socket = stream_socket(SockFlag::SOCK_CLOEXEC)?;
    let backlog = Backlog::new(backlog.min(libc::SOMAXCONN)).during("listen")?;
    match address {
        Address::Abstract(name) => {
            let address = UnixAddr::new_abstract(name.as_bytes()).during("bind")?;
            socket::bind(socket.as_raw_fd(), &address)
                .during_path("bind", &c_string(&format!("@{name}"))?)?;
            socket::listen(&socket, backlog).during("listen")?;
        }
        Address::File(path) => {
            stat::fchmod(&socket, Mode::from_bits_truncate(mode)).during("fchmod")?;
            // A socket that is bound and not yet listening looks like a dead one: so that nobody takes it for that, or
            // we theirs, it is both under a lock. Where there is no locking, nothing is replaced.
            let lock = lock_directory(Path::new(path))?;
            bind(&socket, path, lock.is_some())?;
            socket::listen(&socket, backlog).during("listen")?;
        }
    }
    Ok(socket)
}

fn bind(socket: &OwnedFd, path: &str, may_replace: bool) -> Result<()> {
    let file = c_string(path)?;
    let address = UnixAddr::new(path).during_path("bind", &file)?;
    let bind = || {
        spawn::bind_unmasked(socket.as_fd(), &address)
            .map_err(|error| Error { path: Some(file.clone()), ..error })
    };
    match bind() {
        Err(Error { errno: Errno::EADDRINUSE, .. }) if may_replace && is_dead(&file, &address)? => {
            unistd::unlink(file.as_c_str()).during_path("unlink", &file)?;
            bind()
        }
        result => result,
    }
}

/// Whether there is a socket at `path` that nobody listens on. A file of another kind, or a socket that can't be
/// asked, is not ours to remove.
fn is_dead(path: &CString, address: &UnixAddr) -> Result<bool> {
    let stat = stat::lstat(path.as_c_str()).during_path("lstat", path)?;
    if stat.st_mode & libc::S_IFMT != libc::S_IFSOCK {
        return Ok(false);
    }
    let probe = stream_socket(SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK)?;
    Ok(socket::connect(probe.as_raw_fd(), address) == Err(Errno::ECONNREFUSED))
}

/// Locks the directory of `path` against others who do. None where it may not be read, or somebody keeps it locked.
fn lock_directory(path: &Path) -> Result<Option<Flock<OwnedFd>>> {
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let parent = CString::new(parent.as_os_str().as_bytes()).unwrap_or_default();
    let mut directory = match fd::open(&parent, OFlag::O_RDONLY | OFlag::O_DIRECTORY, Mode::empty()) {
        // Where it is not there at all, bind(2) will say so.
        Err(Error { errno: Errno::EACCES | Errno::ENOENT | Errno::ENOTDIR, .. }) => return Ok(None),
        result => result?,
    };
    let deadline = Instant::now() + PATIENCE;
    loop {
        match Flock::lock(directory, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(Some(lock)),
            Err((same, Errno::EWOULDBLOCK)) if Instant::now() < deadline => directory = same,
            Err((_, Errno::EWOULDBLOCK)) => return Ok(None),
            Err((_, errno)) => return Err(errno).during_path("flock", &parent),
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn stream_socket(flags: SockFlag) -> Result<OwnedFd> {
    socket::socket(AddressFamily::Unix, SockType::Stream, flags, None).during("socket")
}
