//! sendmsg(2) and recvmsg(2) with descriptors and credentials, on Unix sockets. Neither waits.

use std::mem::{self, MaybeUninit};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use nix::errno::Errno;

/// The most descriptors that go with one message (SCM_MAX_FD).
pub const MAX_FDS: usize = 253;

/// Beside descriptors and credentials, a socket may be set to receive a pidfd and a security label.
const LABEL: usize = 256;

/// Ancillary data, in words, as its headers are aligned.
const CONTROL: usize = (space(MAX_FDS * size_of::<RawFd>())
    + space(size_of::<libc::ucred>())
    + space(size_of::<RawFd>())
    + LABEL)
    .div_ceil(size_of::<u64>());

/// SCM_PIDFD of linux/socket.h (6.5), for SO_PASSPIDFD.
const SCM_PIDFD: libc::c_int = 4;

const fn space(length: usize) -> usize {
    // SAFETY: only computes.
    unsafe { libc::CMSG_SPACE(length as u32) as usize }
}

/// What has come with a message.
#[derive(Debug, Default)]
pub struct Ancillary {
    /// Close-on-exec.
    pub descriptors: Vec<OwnedFd>,
    /// The sender's, by the kernel's word (SO_PASSCRED).
    pub credentials: Option<Credentials>,
    /// Whether there was more to the message (MSG_TRUNC).
    pub data_cut: bool,
    /// Whether the kernel has closed descriptors that there was no room for in this process (MSG_CTRUNC).
    pub descriptors_cut: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credentials {
    /// 0 for one outside of this pid namespace.
    pub pid: i32,
    pub uid: u32,
    pub gid: u32,
}

/// Sends what there is room for. EPIPE comes without its signal.
pub fn send(socket: BorrowedFd<'_>, data: &[u8], descriptors: &[RawFd]) -> nix::Result<usize> {
    if descriptors.len() > MAX_FDS {
        // As the kernel would say.
        return Err(Errno::EINVAL);
    }
    let mut control = [MaybeUninit::<u64>::uninit(); CONTROL];
    let mut vector = libc::iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: data.len() };
    let mut header = header_of(&mut vector);
    if !descriptors.is_empty() {
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = space(mem::size_of_val(descriptors));
        // SAFETY: the buffer has room for one part of this size, the only one, whose header is first in it; the
        // kernel reads no more of it than was written here.
        unsafe {
            let part = libc::CMSG_FIRSTHDR(&raw const header);
            (*part).cmsg_level = libc::SOL_SOCKET;
            (*part).cmsg_type = libc::SCM_RIGHTS;
            (*part).cmsg_len = libc::CMSG_LEN(mem::size_of_val(descriptors) as u32) as usize;
            let target = libc::CMSG_DATA(part).cast::<RawFd>();
            ptr::copy_nonoverlapping(descriptors.as_ptr(), target, descriptors.len());
        }
    }
    // SAFETY: the kernel only reads, within the buffers that the header names, all of which outlive the call.
    let sent = unsafe {
        libc::sendmsg(socket.as_raw_fd(), &raw const header, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
    };
    Errno::result(sent).map(|length| length as usize)
}

/// Receives a message, or what there is of a stream, up to `limit` bytes that `buffer` has spare, and puts it at its end; of a
/// stream no more than has come with its descriptors. Returns how many bytes.
pub fn receive(
    socket: BorrowedFd<'_>,
    buffer: &mut Vec<u8>,
    limit: usize,
) -> nix::Result<(usize, Ancillary)> {
    let spare = buffer.spare_capacity_mut();
    let room = spare.len().min(limit);
    let mut control = [0_u64; CONTROL];
    let mut vector = libc::iovec { iov_base: spare.as_mut_ptr().cast(), iov_len: room };
    let mut header = header_of(&mut vector);
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = mem::size_of_val(&control);
    let length = receive_into(socket, &mut header)?;
    // SAFETY: as many have been written; of a datagram that was cut, this is not its whole length.
    unsafe { buffer.set_len(buffer.len() + length.min(room)) };
    let mut ancillary = Ancillary {
        data_cut: header.msg_flags & libc::MSG_TRUNC != 0,
        descriptors_cut: header.msg_flags & libc::MSG_CTRUNC != 0,
        ..Ancillary::default()
    };
    // SAFETY: recvmsg has filled the header and its buffer, within which these macros stay; parts are read by their
    // bytes, which need no alignment. Descriptors are new, and nobody else's.
    unsafe {
        let mut part = libc::CMSG_FIRSTHDR(&raw const header);
        while !part.is_null() {
            let data = libc::CMSG_DATA(part);
            let size = (*part).cmsg_len.saturating_sub(libc::CMSG_LEN(0) as usize);
            match ((*part).cmsg_level, (*part).cmsg_type) {
                (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                    let first = data.cast::<RawFd>();
                    let count = size / size_of::<RawFd>();
                    ancillary.descriptors.extend(
                        (0..count).map(|index| OwnedFd::from_raw_fd(ptr::read_unaligned(first.add(index)))),
                    );
                }
                (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) => {
                    ancillary.credentials = Some(ptr::read_unaligned(data.cast::<libc::ucred>()).into());
                }
                // Nobody here has asked for it.
                (libc::SOL_SOCKET, SCM_PIDFD) if size >= size_of::<RawFd>() => {
                    let pidfd = ptr::read_unaligned(data.cast::<RawFd>());
                    // Instead of it there may be an error.
                    if pidfd >= 0 {
                        drop(OwnedFd::from_raw_fd(pidfd));
                    }
                }
                _ => {}
            }
            part = libc::CMSG_NXTHDR(&raw const header, part);
        }
    }
    Ok((length, ancillary))
}

/// A message of anybody's, of which the text was put into the caller's buffer.
pub struct Message {
    pub length: usize,
    /// Whether there was more of it.
    pub cut: bool,
    /// The pid of who has sent it; 0 for one outside of this pid namespace.
    pub sender: i32,
}

/// The next message of somebody who is not trusted. There is room for credentials and nothing else, so that the kernel closes
/// what descriptors come with it: to have them in this process, and close them, could take as long as a stranger likes.
pub fn receive_from_anybody(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> nix::Result<Message> {
    let mut control = [0_u64; space(size_of::<libc::ucred>()) / size_of::<u64>()];
    let mut vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut header = header_of(&mut vector);
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = mem::size_of_val(&control);
    let length = receive_into(socket, &mut header)?;
    // SAFETY: recvmsg has filled the header; the first part is read only where it is there, by its bytes.
    let sender = unsafe {
        let part = libc::CMSG_FIRSTHDR(&raw const header);
        if !part.is_null()
            && ((*part).cmsg_level, (*part).cmsg_type) == (libc::SOL_SOCKET, libc::SCM_CREDENTIALS)
        {
            ptr::read_unaligned(libc::CMSG_DATA(part).cast::<libc::ucred>()).pid
        } else {
            0
        }
    };
    Ok(Message { length, cut: header.msg_flags & libc::MSG_TRUNC != 0, sender })
}

fn header_of(vector: &mut libc::iovec) -> libc::msghdr {
    // SAFETY: a struct of numbers and pointers, for which zeros are valid.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_iov = vector;
    header.msg_iovlen = 1;
    header
}

fn receive_into(socket: BorrowedFd<'_>, header: &mut libc::msghdr) -> nix::Result<usize> {
    // SAFETY: the kernel writes within the buffers that the header names, all of which outlive the call.
    let received =
        unsafe { libc::recvmsg(socket.as_raw_fd(), header, libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC) };
    Errno::result(received).map(|length| length as usize)
}

/// Bytes that are there to be read (SIOCINQ).
pub fn unread(socket: BorrowedFd<'_>) -> nix::Result<usize> {
    queued(socket, libc::FIONREAD)
}

/// Bytes, and what the kernel needs for them, that the other end has not read yet (SIOCOUTQ).
pub fn unreceived(socket: BorrowedFd<'_>) -> nix::Result<usize> {
    queued(socket, libc::TIOCOUTQ)
}

fn queued(socket: BorrowedFd<'_>, request: libc::Ioctl) -> nix::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: both write one int.
    Errno::result(unsafe { libc::ioctl(socket.as_raw_fd(), request, &raw mut count) })?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// An option of a socket's that is a number: SO_TYPE, SO_DOMAIN, SO_PROTOCOL, SO_ACCEPTCONN.
pub fn option(socket: BorrowedFd<'_>, name: libc::c_int) -> nix::Result<i32> {
    let mut value: libc::c_int = 0;
    let mut length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: writes one int at most.
    Errno::result(unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, name, (&raw mut value).cast(), &raw mut length)
    })?;
    Ok(value)
}

impl From<libc::ucred> for Credentials {
    fn from(ucred: libc::ucred) -> Self {
        Self { pid: ucred.pid, uid: ucred.uid, gid: ucred.gid }
    }
}
