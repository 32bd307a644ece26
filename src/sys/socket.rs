//! recvmsg(2) with credentials.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use nix::errno::Errno;

/// A message of which the text was put into the caller's buffer.
pub struct Message {
    pub length: usize,
    /// Whether there was more of it.
    pub cut: bool,
    /// Who has sent it, by the kernel's word (SO_PASSCRED); 0 for one outside of this pid namespace.
    pub sender: i32,
}

/// The next message, without waiting. There is room for credentials and nothing else, so that the kernel closes what
/// descriptors come with it.
pub fn receive_from_anybody(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> nix::Result<Message> {
    // In words, as a header is aligned.
    let mut control = [0_u64; 8];
    let mut data = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: a struct of numbers and pointers, for which zeros are valid.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut data;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    // SAFETY: only computes.
    header.msg_controllen = unsafe { libc::CMSG_SPACE(size_of::<libc::ucred>() as u32) } as usize;
    // SAFETY: the kernel writes within the buffers that the header names, all of which outlive the call.
    let received = unsafe {
        libc::recvmsg(socket.as_raw_fd(), &raw mut header, libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC)
    };
    let length = Errno::result(received)? as usize;
    Ok(Message { length, cut: header.msg_flags & libc::MSG_TRUNC != 0, sender: sender(&header) })
}

fn sender(header: &libc::msghdr) -> i32 {
    // SAFETY: the header is one that recvmsg has filled; the first part of it is read only where it is there, and by
    // its bytes, which need no alignment.
    unsafe {
        let part = libc::CMSG_FIRSTHDR(header);
        if part.is_null()
            || ((*part).cmsg_level, (*part).cmsg_type) != (libc::SOL_SOCKET, libc::SCM_CREDENTIALS)
        {
            return 0;
        }
        ptr::read_unaligned(libc::CMSG_DATA(part).cast::<libc::ucred>()).pid
    }
}
