//! Unix sockets: connecting, accepting, listening. The file of a listening socket has its mode from the start, and replaces the
//! file of a dead socket.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::socket::{self, AddressFamily, Backlog, SockFlag, SockType, UnixAddr};
use nix::sys::stat::{self, Mode};

use crate::clone;
use crate::descriptor::fd;
use crate::descriptor::remove;
use crate::error::{During, Error, Result};
use crate::sys;
use crate::sys::c_string;

/// How long another process may keep the directory locked while it replaces a dead socket there.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// The address of a Unix socket.
pub enum Address {
    File(String),
    /// An abstract name, without the NUL at its start.
    Abstract(String),
}

impl Address {
    /// Returns the address in the form that errors show: an abstract name with an @ at its start.
    fn display(&self) -> Result<CString> {
        match self {
            Self::File(path) => c_string(path),
            Self::Abstract(name) => c_string(&format!("@{name}")),
        }
    }
}

/// Returns a connected stream socket. Does not wait: EAGAIN if the listening socket has no room for another waiting connection.
/// The kernel sends no event when there is room.
pub fn connect(address: &Address) -> Result<OwnedFd> {
    let name = address.display()?;
    let unix = match address {
        Address::Abstract(name) => UnixAddr::new_abstract(name.as_bytes()),
        Address::File(path) => UnixAddr::new(path.as_str()),
    };
    let unix = unix.during_path("connect", &name)?;
    let socket = socket_with(SockType::Stream, SockFlag::SOCK_NONBLOCK)?;
    loop {
        match socket::connect(socket.as_raw_fd(), &unix) {
            Err(Errno::EINTR) => {}
            result => return result.during_path("connect", &name).map(|()| socket),
        }
    }
}

/// Accepts the next connection. None if no connection is waiting.
pub fn accept(listener: impl AsFd) -> Result<Option<OwnedFd>> {
    loop {
        match socket::accept4(listener.as_fd().as_raw_fd(), SockFlag::SOCK_CLOEXEC) {
            Ok(fd) => return Ok(Some(sys::fd::adopt(fd))),
            Err(Errno::EINTR | Errno::ECONNABORTED) => {}
            Err(Errno::EAGAIN) => return Ok(None),
            Err(errno) => return Err(errno).during("accept4"),
        }
    }
}

/// Returns a listening stream socket.
pub fn listen(address: &Address, mode: u32, backlog: i32) -> Result<OwnedFd> {
    let backlog = Backlog::new(backlog.min(libc::SOMAXCONN)).during("listen")?;
    let listener = socket(SockType::Stream)?;
    match address {
        Address::Abstract(name) => {
            let unix = UnixAddr::new_abstract(name.as_bytes()).during("bind")?;
            socket::bind(listener.as_raw_fd(), &unix).during_path("bind", &address.display()?)?;
        }
        Address::File(path) => {
            stat::fchmod(&listener, Mode::from_bits_truncate(mode)).during("fchmod")?;
            bind(&listener, path)?;
        }
    }
    match socket::listen(&listener, backlog).during("listen") {
        Ok(()) => Ok(listener),
        Err(error) => {
            drop(listener);
            if let Address::File(path) = address {
                // Report the first error, not this one.
                let _ = remove_dead(&c_string(path)?);
            }
            Err(error)
        }
    }
}

fn bind(socket: &OwnedFd, path: &str) -> Result<()> {
    let file = c_string(path)?;
    let address = UnixAddr::new(path).during_path("bind", &file)?;
    let bind = || {
        clone::bind_unmasked(socket.as_fd(), &address)
            .map_err(|error| Error { path: Some(file.clone()), ..error })
    };
    let taken = match bind() {
        Err(error) if error.errno == Errno::EADDRINUSE => error,
        result => return result,
    };
    // Lock, so that two processes that find the socket dead take turns: the second would briefly move the first one's socket.
    let lock = lock_directory(Path::new(path))?;
    if lock.is_none() {
        return Err(taken);
    }
    remove_dead(&file)?;
    bind()
}

/// Removes the file of a dead socket, which no process has open.
fn remove_dead(path: &CString) -> Result<()> {
    // Keep the file open: no other file can then get its inode number, and the check below holds for this file.
    let found = match fd::open(path, OFlag::O_PATH | OFlag::O_NOFOLLOW, Mode::empty()) {
        Err(Error { errno: Errno::ENOENT, .. }) => return Ok(()),
        result => result?,
    };
    let own = stat::fstat(&found).during_path("fstat", path)?;
    if own.st_mode & libc::S_IFMT != libc::S_IFSOCK {
        return Ok(());
    }
    let at = format!("/proc/self/fd/{}", found.as_raw_fd());
    let at = UnixAddr::new(at.as_str()).during_path("connect", path)?;
    let probe = socket(SockType::Datagram)?;
    // Connecting a datagram socket is refused for its type, and a listening stream socket does not notice. It also finds a
    // socket that is bound but not listening yet.
    let is_dead = || socket::connect(probe.as_raw_fd(), &at) == Err(Errno::ECONNREFUSED);
    remove::remove(path, |file| fd::is_same(&own, file) && is_dead()).map(drop)
}

/// Locks the directory of `path` against other callers of this function. None if the process may not read the directory, or if
/// another process keeps it locked.
fn lock_directory(path: &Path) -> Result<Option<sys::fd::Locked>> {
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let parent = CString::new(parent.as_os_str().as_bytes()).unwrap_or_default();
    let mut directory = match fd::open(&parent, OFlag::O_RDONLY | OFlag::O_DIRECTORY, Mode::empty()) {
        Err(Error { errno: Errno::EACCES, .. }) => return Ok(None),
        result => result?,
    };
    let deadline = Instant::now() + LOCK_TIMEOUT;
    loop {
        match sys::fd::Locked::try_lock(directory) {
            Ok(lock) => return Ok(Some(lock)),
            Err((same, Errno::EWOULDBLOCK)) if Instant::now() < deadline => directory = same,
            Err((_, Errno::EWOULDBLOCK)) => return Ok(None),
            Err((_, errno)) => return Err(errno).during_path("flock", &parent),
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Returns a new Unix socket.
pub fn socket(kind: SockType) -> Result<OwnedFd> {
    socket_with(kind, SockFlag::empty())
}

fn socket_with(kind: SockType, flags: SockFlag) -> Result<OwnedFd> {
    socket::socket(AddressFamily::Unix, kind, SockFlag::SOCK_CLOEXEC | flags, None).during("socket")
}
