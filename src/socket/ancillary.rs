//! Messages with descriptors (SCM_RIGHTS) on any Unix socket, as they are: one sendmsg(2), one recvmsg(2).

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, UnixAddr, sockopt};

use crate::descriptor::fd;
use crate::error::{During, Error, Result};
use crate::sys;
use crate::sys::socket::{Ancillary, Credentials};

/// A message, or a part of a stream.
pub struct Received {
    pub data: Vec<u8>,
    pub descriptors: Vec<OwnedFd>,
    /// Whether some of it, or of the descriptors, was cut off.
    pub truncated: bool,
    pub credentials: Option<Credentials>,
}

/// Two sockets that are connected to each other.
pub fn pair(kind: SockType) -> Result<(OwnedFd, OwnedFd)> {
    socket::socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC).during("socketpair")
}

/// Sends once, without waiting. Of a stream, at least a byte is to go with descriptors: the kernel drops them otherwise.
pub fn send(socket: BorrowedFd<'_>, data: &[u8], descriptors: &[RawFd]) -> Result<usize> {
    sys::socket::send(socket, data, descriptors).during("sendmsg")
}

/// Receives once, without waiting. None: the end.
pub fn receive(socket: BorrowedFd<'_>, max_length: usize, max_fds: usize) -> Result<Option<Received>> {
    let mut data = Vec::new();
    if data.try_reserve_exact(max_length).is_err() {
        return Err(Error { syscall: "recvmsg", errno: Errno::ENOMEM, path: None });
    }
    let (length, ancillary) = sys::socket::receive(socket, &mut data, max_length).during("recvmsg")?;
    let Ancillary { mut descriptors, credentials, data_cut, descriptors_cut } = ancillary;
    if length == 0 && descriptors.is_empty() && credentials.is_none() && is_at_end(socket)? {
        return Ok(None);
    }
    let surplus = descriptors.split_off(max_fds.min(descriptors.len()));
    data.shrink_to_fit();
    let truncated = data_cut || descriptors_cut || !surplus.is_empty();
    surplus.into_iter().for_each(fd::discard);
    Ok(Some(Received { data, descriptors, truncated, credentials }))
}

/// Whether a message of no bytes was the end. Of a seqpacket socket that can't be told but by its other end's being gone, and
/// nothing's being left.
fn is_at_end(socket: BorrowedFd<'_>) -> Result<bool> {
    match sys::socket::option(socket, libc::SO_TYPE).during("getsockopt")? {
        libc::SOCK_STREAM => Ok(true),
        libc::SOCK_SEQPACKET => {
            let hang_up = PollFlags::from_bits_retain(libc::POLLRDHUP);
            let mut polled = [PollFd::new(socket, hang_up)];
            let is_gone = nix::poll::poll(&mut polled, PollTimeout::ZERO).during("poll")? > 0;
            Ok(is_gone && sys::socket::unread(socket).during("ioctl")? == 0)
        }
        _ => Ok(false),
    }
}

/// Who is at the other end of a connection. None of a socket pair, where the kernel would name who has made it: one end of
/// a connection has a name, since somebody has listened there. ENOTCONN, if there never was another end.
pub fn peer(socket: impl AsFd) -> Result<Option<Credentials>> {
    let socket = socket.as_fd();
    let is_named = |address: UnixAddr| address.path().is_some() || address.as_abstract().is_some();
    let theirs = socket::getpeername(socket.as_raw_fd()).during("getpeername")?;
    let ours = socket::getsockname(socket.as_raw_fd()).during("getsockname")?;
    if !is_named(theirs) && !is_named(ours) {
        return Ok(None);
    }
    let credentials = socket::getsockopt(&socket, sockopt::PeerCredentials).during("getsockopt")?;
    Ok(Some(Credentials { pid: credentials.pid(), uid: credentials.uid(), gid: credentials.gid() }))
}
