//! sd_notify(3): telling a service manager how a service does.

use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::socket::{self, AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr};

use crate::error::{During, Error, Result};
use crate::plan::c_string;
use crate::sys::poll;

/// How long the manager may take to come to our message, as in sd_notify_barrier(3)'s callers.
const BARRIER: Duration = Duration::from_secs(5);

/// Sends `state` to `socket` (NOTIFY_SOCKET: a path, or `@name` for an abstract one).
pub fn notify(socket: &str, state: &str) -> Result<()> {
    send(socket, state, &[])
}

/// Waits until the manager has read all that was sent before: it closes the descriptor that goes with the
/// message. False if it did not in time.
pub fn barrier(socket: &str) -> Result<bool> {
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC).during("pipe2")?;
    send(socket, "BARRIER=1", std::slice::from_ref(&writer))?;
    drop(writer);
    poll::wait(&[reader.as_fd()], Some(Instant::now() + BARRIER)).during("poll")
}

fn send(path: &str, state: &str, descriptors: &[OwnedFd]) -> Result<()> {
    let address = match path.strip_prefix('@') {
        Some(name) => UnixAddr::new_abstract(name.as_bytes()),
        None => UnixAddr::new(path),
    }
    .map_err(|errno| failed("connect", errno, path))?;
    let (datagram, flags) = (SockType::Datagram, SockFlag::SOCK_CLOEXEC);
    let socket = socket::socket(AddressFamily::Unix, datagram, flags, None).during("socket")?;
    let numbers: Vec<_> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&numbers)];
    let control = if numbers.is_empty() { &[][..] } else { &rights[..] };
    let data = [IoSlice::new(state.as_bytes())];
    socket::sendmsg(socket.as_raw_fd(), &data, control, MsgFlags::MSG_NOSIGNAL, Some(&address))
        .map(drop)
        .map_err(|errno| failed("sendmsg", errno, path))
}

fn failed(syscall: &'static str, errno: Errno, path: &str) -> Error {
    Error { syscall, errno, path: c_string(path).ok() }
}
