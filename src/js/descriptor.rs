use std::os::fd::IntoRawFd;

use napi::bindgen_prelude::{Buffer, Int32Array};
use napi::{Env, Result};
use napi_derive::napi;
use nix::sys::socket::SockType;

use super::bridge::error::OrThrow;
use super::bridge::fast_call::{Arguments, Function};
use super::bridge::worker_descriptors;
use crate::descriptor::fd;
use crate::descriptor::kind::{self, Kind};
use crate::socket::ancillary;
use crate::socket::ancillary::Received;
use crate::sys;
use crate::sys::socket::Credentials;

/// Returns a close-on-exec duplicate of a descriptor.
#[napi(catch_unwind)]
pub fn duplicate(env: Env, descriptor: i32) -> Result<i32> {
    fd::duplicate(descriptor).map(IntoRawFd::into_raw_fd).or_throw(&env)
}

/// dup2(2)
#[napi(catch_unwind)]
pub fn dup2(env: Env, from: i32, to: i32) -> Result<()> {
    fd::replace(to, from).or_throw(&env)
}

/// Sets whether exec closes a descriptor (FD_CLOEXEC).
#[napi(catch_unwind)]
pub fn set_close_on_exec(env: Env, descriptor: i32, is_set: bool) -> Result<()> {
    fd::set_close_on_exec(sys::fd::borrow(descriptor), is_set).or_throw(&env)
}

/// close(2). In a worker, the close() of node:fs warns of a descriptor that node:fs has not opened.
/// 1.2x on messages with 64 handles (npm run bench -- handles)
pub struct Close;

impl Function for Close {
    const NAME: &'static str = "close";
    type Output = ();

    fn call(env: Env, [descriptor, ..]: Arguments<'_>) -> Result<()> {
        let descriptor = descriptor.number()?;
        worker_descriptors::disown(descriptor);
        fd::close(descriptor).or_throw(&env)
    }
}

/// Closes received descriptors that the program does not want. Ignores errors.
#[napi(catch_unwind)]
pub fn discard(descriptors: &[i32]) {
    for &descriptor in descriptors {
        worker_descriptors::disown(descriptor);
        fd::discard(sys::fd::adopt(descriptor));
    }
}

/// Returns the open descriptors, in ascending order.
#[napi(catch_unwind)]
pub fn open_fds(env: Env) -> Result<Vec<i32>> {
    fd::open_numbers().or_throw(&env)
}

/// Returns the kind of file behind a descriptor.
#[napi(catch_unwind)]
pub fn kind_of(env: Env, descriptor: i32) -> Result<&'static str> {
    kind::of(descriptor).or_throw(&env).map(name_of)
}

fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::TcpServer => "tcp-server",
        Kind::TcpSocket => "tcp-socket",
        Kind::UnixServer => "unix-server",
        Kind::UnixSocket => "unix-socket",
        Kind::UnixSeqpacket => "unix-seqpacket",
        Kind::UnixDgram => "unix-dgram",
        Kind::Udp => "udp",
        Kind::Pipe => "pipe",
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Tty => "tty",
        Kind::CharacterDevice => "character-device",
        Kind::BlockDevice => "block-device",
        Kind::Other => "other",
    }
}

/// Returns the inode number of a descriptor in decimal, because it can have 64 bits. Deno's own fstat takes other numbers.
#[napi(catch_unwind)]
pub fn inode_of(env: Env, descriptor: i32) -> Result<String> {
    fd::inode(sys::fd::borrow(descriptor)).or_throw(&env).map(|inode| inode.to_string())
}

/// Returns true for an IPv6 socket.
#[napi(catch_unwind)]
pub fn is_ipv6(env: Env, descriptor: i32) -> Result<bool> {
    kind::is_ipv6(descriptor).or_throw(&env)
}

/// The directions that a descriptor was opened for.
#[napi(object, object_from_js = false)]
pub struct Ways {
    pub readable: bool,
    pub writable: bool,
}

/// Returns the directions that a descriptor was opened for.
#[napi(catch_unwind)]
pub fn ways_of(env: Env, descriptor: i32) -> Result<Ways> {
    kind::ways(descriptor).or_throw(&env).map(|(readable, writable)| Ways { readable, writable })
}

/// Returns two connected Unix sockets.
#[napi(catch_unwind)]
pub fn socketpair(env: Env, kind: String) -> Result<Vec<i32>> {
    let kind = match kind.as_str() {
        "seqpacket" => SockType::SeqPacket,
        "dgram" => SockType::Datagram,
        _ => SockType::Stream,
    };
    let (one, other) = ancillary::pair(kind).or_throw(&env)?;
    worker_descriptors::give(&env, vec![one, other])
}

/// The process that connected to a Unix socket, or the process that listened: the peer of the connection.
#[napi(object, object_from_js = false)]
pub struct Peer {
    pub pid: i32,
    pub uid: u32,
    pub gid: u32,
}

impl From<Credentials> for Peer {
    fn from(Credentials { pid, uid, gid }: Credentials) -> Self {
        Self { pid, uid, gid }
    }
}

/// Returns the peer of a connected Unix socket. Null for a socket of socketpair(2).
#[napi(catch_unwind)]
pub fn peer_of(env: Env, descriptor: i32) -> Result<Option<Peer>> {
    ancillary::peer(sys::fd::borrow(descriptor)).or_throw(&env).map(|peer| peer.map(Into::into))
}

/// Sends data and descriptors by one sendmsg(2). Returns the number of bytes sent.
#[napi(catch_unwind)]
pub fn send_fds(env: Env, socket: i32, data: &[u8], fds: &[i32]) -> Result<u32> {
    ancillary::send(sys::fd::borrow(socket), data, fds).or_throw(&env).map(|sent| sent as u32)
}

/// A received message. JavaScript owns the descriptors.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct ReceivedMessage {
    pub data: Buffer,
    pub fds: Int32Array,
    pub truncated: bool,
    pub credentials: Option<Peer>,
}

/// Receives data and descriptors by one recvmsg(2). Null at the end of the stream.
#[napi(catch_unwind)]
pub fn recv_fds(env: Env, socket: i32, max_length: u32, max_fds: u32) -> Result<Option<ReceivedMessage>> {
    let socket = sys::fd::borrow(socket);
    let received = ancillary::receive(socket, max_length as usize, max_fds as usize).or_throw(&env)?;
    let to_js = |received: Received| {
        Ok(ReceivedMessage {
            data: received.data.into(),
            fds: worker_descriptors::give(&env, received.descriptors)?.into(),
            truncated: received.truncated,
            credentials: received.credentials.map(Into::into),
        })
    };
    received.map(to_js).transpose()
}
