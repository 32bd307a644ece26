//! Messages with descriptors (SCM_RIGHTS in unix(7)) on any Unix socket: one sendmsg(2), one recvmsg(2), without framing.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, UnixAddr, sockopt};

use crate::descriptor::fd;
use crate::error::{During, Error, Result};
use crate::sys;
use crate::sys::socket::{Ancillary, Credentials};

/// A received message, or a received part of a stream.
pub struct Received {
    pub data: Vec<u8>,
    pub descriptors: Vec<OwnedFd>,
    /// Whether the kernel, or the limit on descriptors, cut off data or descriptors.
    pub truncated: bool,
    pub credentials: Option<Credentials>,
}

/// Returns two connected sockets.
pub fn pair(kind: SockType) -> Result<(OwnedFd, OwnedFd)> {
    socket::socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC).during("socketpair")
}

/// Sends once, without waiting. On a stream, descriptors need at least one byte of data: the kernel drops them otherwise.
pub fn send(socket: BorrowedFd<'_>, data: &[u8], descriptors: &[RawFd]) -> Result<usize> {
    sys::socket::send(socket, data, descriptors).during("sendmsg")
}

/// Receives once, without waiting. None at the end of the stream.
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

/// Returns true if an empty message is the end of the stream. On a seqpacket socket, it is the end only if the peer has hung up
/// and nothing is left to read.
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

/// Returns the peer of a connection. None for a socket of socketpair(2), because the kernel would name the process that called
/// socketpair(2). One end of a connection has a name, the listening end, but no end of a pair has one. Fails with ENOTCONN if the
/// socket was never connected.
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
