//! sendmsg(2) and recvmsg(2) with descriptors and credentials, on Unix sockets: unix(7), cmsg(3). No call waits.

use std::mem::{self, MaybeUninit};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use nix::errno::Errno;

/// The most descriptors of one sendmsg(2): SCM_MAX_FD of the kernel.
pub const MAX_FDS: usize = 253;

/// Room in bytes for a security label (SO_PASSSEC).
const LABEL_BYTES: usize = 256;

/// Room for the ancillary data of one message: descriptors, credentials, a pidfd and a security label. In words of
/// eight bytes, because the headers are aligned.
const CONTROL_WORDS: usize = (space(MAX_FDS * size_of::<RawFd>())
    + space(size_of::<libc::ucred>())
    + space(size_of::<RawFd>())
    + LABEL_BYTES)
    .div_ceil(size_of::<u64>());

/// SCM_PIDFD of linux/socket.h, for SO_PASSPIDFD. Since Linux 6.5.
const SCM_PIDFD: libc::c_int = 4;

const fn space(length: usize) -> usize {
    // SAFETY: only computes a number.
    unsafe { libc::CMSG_SPACE(length as u32) as usize }
}

/// The ancillary data of a message.
#[derive(Debug, Default)]
pub struct Ancillary {
    /// The descriptors are close-on-exec.
    pub descriptors: Vec<OwnedFd>,
    /// The sender's credentials, which the kernel checks (SO_PASSCRED).
    pub credentials: Option<Credentials>,
    /// True if the message was longer than the buffer (MSG_TRUNC).
    pub data_cut: bool,
    /// True if the kernel has closed descriptors, because this process has too many open ones (MSG_CTRUNC).
    pub descriptors_cut: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credentials {
    /// 0 for a process outside of our pid namespace.
    pub pid: i32,
    pub uid: u32,
    pub gid: u32,
}

/// Sends as many bytes as there is room for. EPIPE comes without SIGPIPE.
pub fn send(socket: BorrowedFd<'_>, data: &[u8], descriptors: &[RawFd]) -> nix::Result<usize> {
    if descriptors.len() > MAX_FDS {
        // The kernel's error for too many descriptors.
        return Err(Errno::EINVAL);
    }
    let mut control = [MaybeUninit::<u64>::uninit(); CONTROL_WORDS];
    let mut vector = libc::iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: data.len() };
    let mut header = header_of(&mut vector);
    if !descriptors.is_empty() {
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = space(mem::size_of_val(descriptors));
        // SAFETY: the buffer has room for one control message of this size, which begins at the start of the buffer.
        // The kernel reads only the bytes that are written here.
        unsafe {
            let part = libc::CMSG_FIRSTHDR(&raw const header);
            (*part).cmsg_level = libc::SOL_SOCKET;
            (*part).cmsg_type = libc::SCM_RIGHTS;
            (*part).cmsg_len = libc::CMSG_LEN(mem::size_of_val(descriptors) as u32) as usize;
            let target = libc::CMSG_DATA(part).cast::<RawFd>();
            ptr::copy_nonoverlapping(descriptors.as_ptr(), target, descriptors.len());
        }
    }
    // SAFETY: the kernel only reads, and only within the buffers of the header, which outlive the call.
    let sent = unsafe {
        libc::sendmsg(socket.as_raw_fd(), &raw const header, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
    };
    Errno::result(sent).map(|length| length as usize)
}

/// Receives a message, or a part of a stream, and appends it to `buffer`: at most `limit` bytes, and at most the spare
/// capacity. A part of a stream ends after bytes that came with descriptors. Returns the number of bytes.
pub fn receive(
    socket: BorrowedFd<'_>,
    buffer: &mut Vec<u8>,
    limit: usize,
) -> nix::Result<(usize, Ancillary)> {
    let spare = buffer.spare_capacity_mut();
    let room = spare.len().min(limit);
    let mut control = [0_u64; CONTROL_WORDS];
    let mut vector = libc::iovec { iov_base: spare.as_mut_ptr().cast(), iov_len: room };
    let mut header = header_of(&mut vector);
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = mem::size_of_val(&control);
    let length = receive_into(socket, &mut header)?;
    // SAFETY: the kernel has written this many bytes. For a cut datagram, `length` is the length of the written part.
    unsafe { buffer.set_len(buffer.len() + length.min(room)) };
    let mut ancillary = Ancillary {
        data_cut: header.msg_flags & libc::MSG_TRUNC != 0,
        descriptors_cut: header.msg_flags & libc::MSG_CTRUNC != 0,
        ..Ancillary::default()
    };
    // SAFETY: recvmsg(2) has filled the header and its buffer, and these macros stay within that buffer. The data is
    // read unaligned. The descriptors are new, so no other code owns them.
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
                // The creator of the socket has set SO_PASSPIDFD. Close the pidfd, because procnative does not use it.
                (libc::SOL_SOCKET, SCM_PIDFD) if size >= size_of::<RawFd>() => {
                    let pidfd = ptr::read_unaligned(data.cast::<RawFd>());
                    // The kernel may store a negative errno here instead of a pidfd.
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

/// A message of an untrusted sender. Its text is in the caller's buffer.
pub struct Message {
    pub length: usize,
    /// True if the message was longer than the buffer.
    pub cut: bool,
    /// The pid of the sender; 0 for a process outside of our pid namespace.
    pub sender: i32,
}

/// Receives a message of an untrusted sender. The control buffer has room only for credentials, so the kernel closes
/// the sender's descriptors. Closing them in this process could take as long as the sender wants.
pub fn receive_from_anybody(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> nix::Result<Message> {
    let mut control = [0_u64; space(size_of::<libc::ucred>()) / size_of::<u64>()];
    let mut vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut header = header_of(&mut vector);
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = mem::size_of_val(&control);
    let length = receive_into(socket, &mut header)?;
    // SAFETY: recvmsg(2) has filled the header. The first control message is read only if it exists, and unaligned.
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
    // SAFETY: zeros are valid for a struct of numbers and pointers.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_iov = vector;
    header.msg_iovlen = 1;
    header
}

fn receive_into(socket: BorrowedFd<'_>, header: &mut libc::msghdr) -> nix::Result<usize> {
    // SAFETY: the kernel writes only within the buffers of the header, which outlive the call.
    let received =
        unsafe { libc::recvmsg(socket.as_raw_fd(), header, libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC) };
    Errno::result(received).map(|length| length as usize)
}

/// Returns the number of bytes to read: SIOCINQ in unix(7).
pub fn unread(socket: BorrowedFd<'_>) -> nix::Result<usize> {
    queued(socket, libc::FIONREAD)
}

/// Returns the memory in bytes of the data that the peer has not read yet, including the kernel's overhead: SIOCOUTQ.
pub fn unreceived(socket: BorrowedFd<'_>) -> nix::Result<usize> {
    queued(socket, libc::TIOCOUTQ)
}

fn queued(socket: BorrowedFd<'_>, request: libc::Ioctl) -> nix::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: both requests write one int.
    Errno::result(unsafe { libc::ioctl(socket.as_raw_fd(), request, &raw mut count) })?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Returns a socket option that is a number: SO_TYPE, SO_DOMAIN, SO_PROTOCOL or SO_ACCEPTCONN.
pub fn option(socket: BorrowedFd<'_>, name: libc::c_int) -> nix::Result<i32> {
    let mut value: libc::c_int = 0;
    let mut length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the kernel writes at most one int.
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
