//! The kind of file behind a descriptor. Only asks the kernel: no call here reads, writes or changes the file.

use std::os::fd::{BorrowedFd, RawFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::{self, SFlag};
use nix::sys::statfs;

use crate::error::{During, Result};
use crate::sys;

/// The file system of pidfds since Linux 6.9 (PID_FS_MAGIC), where a pidfd has the mode of a regular file.
const PIDFS: i64 = 0x5049_4446;
/// Multipath TCP, which behaves like TCP. The libc crate lacks the constant for some targets.
const IPPROTO_MPTCP: i32 = 262;

/// The kinds that lib/ distinguishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    TcpServer,
    TcpSocket,
    UnixServer,
    UnixSocket,
    UnixSeqpacket,
    UnixDgram,
    Udp,
    Pipe,
    File,
    Directory,
    Tty,
    CharacterDevice,
    BlockDevice,
    Other,
}

/// Returns the kind of file behind a descriptor. Fails with EBADF if the descriptor is not open.
pub fn of(fd: RawFd) -> Result<Kind> {
    let fd = sys::fd::borrow(fd);
    let mode = stat::fstat(fd).during("fstat")?.st_mode;
    Ok(match SFlag::from_bits_truncate(mode & libc::S_IFMT) {
        SFlag::S_IFSOCK => of_socket(fd).during("getsockopt")?,
        SFlag::S_IFIFO => Kind::Pipe,
        SFlag::S_IFREG if is_pidfd(fd) => Kind::Other,
        SFlag::S_IFREG => Kind::File,
        SFlag::S_IFDIR => Kind::Directory,
        SFlag::S_IFCHR if sys::terminal::is_terminal(fd) => Kind::Tty,
        SFlag::S_IFCHR => Kind::CharacterDevice,
        SFlag::S_IFBLK => Kind::BlockDevice,
        _ => Kind::Other,
    })
}

fn of_socket(fd: BorrowedFd<'_>) -> nix::Result<Kind> {
    let option = |name| sys::socket::option(fd, name);
    let listens = || option(libc::SO_ACCEPTCONN).map(|value| value != 0);
    let inet = [libc::AF_INET, libc::AF_INET6];
    Ok(match (option(libc::SO_DOMAIN)?, option(libc::SO_TYPE)?) {
        (libc::AF_UNIX, libc::SOCK_STREAM) if listens()? => Kind::UnixServer,
        (libc::AF_UNIX, libc::SOCK_STREAM) => Kind::UnixSocket,
        (libc::AF_UNIX, libc::SOCK_SEQPACKET) => Kind::UnixSeqpacket,
        (libc::AF_UNIX, libc::SOCK_DGRAM) => Kind::UnixDgram,
        (domain, kind) if inet.contains(&domain) => match (kind, option(libc::SO_PROTOCOL)?) {
            (libc::SOCK_STREAM, libc::IPPROTO_TCP | IPPROTO_MPTCP) if listens()? => Kind::TcpServer,
            (libc::SOCK_STREAM, libc::IPPROTO_TCP | IPPROTO_MPTCP) => Kind::TcpSocket,
            (libc::SOCK_DGRAM, libc::IPPROTO_UDP) => Kind::Udp,
            _ => Kind::Other,
        },
        _ => Kind::Other,
    })
}

fn is_pidfd(fd: BorrowedFd<'_>) -> bool {
    statfs::fstatfs(fd).is_ok_and(|statfs| statfs.filesystem_type().0 == PIDFS)
}

/// Returns true for an IPv6 socket.
pub fn is_ipv6(fd: RawFd) -> Result<bool> {
    let domain = sys::socket::option(sys::fd::borrow(fd), libc::SO_DOMAIN).during("getsockopt")?;
    Ok(domain == libc::AF_INET6)
}

/// Returns whether a descriptor was opened for reading, and whether for writing.
pub fn ways(fd: RawFd) -> Result<(bool, bool)> {
    let flags = OFlag::from_bits_retain(fcntl(sys::fd::borrow(fd), FcntlArg::F_GETFL).during("fcntl")?);
    let mode = flags & OFlag::O_ACCMODE;
    Ok((mode != OFlag::O_WRONLY, mode != OFlag::O_RDONLY))
}
