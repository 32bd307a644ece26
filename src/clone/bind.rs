//! bind(2) without a umask. That is a whole process's, and to change it for a moment would change it for files that
//! other threads create; so it is done in a process of its own, which shares all but that.

use std::ffi::c_void;
use std::os::fd::{AsRawFd, BorrowedFd};

use libc::c_int;
use nix::errno::Errno;
use nix::sys::socket::{SockaddrLike, UnixAddr};

use super::guard::SignalsBlocked;
use super::stack::Stack;
use crate::error::{During, Error, Result};
use crate::sys::process::{self, Status, Which};

struct Orders {
    socket: c_int,
    address: *const libc::sockaddr,
    length: libc::socklen_t,
    errno: c_int,
}

/// Binds `socket`, so that its file has the mode that fchmod(2) gave it, from the first moment and to the last bit.
pub fn bind_unmasked(socket: BorrowedFd<'_>, address: &UnixAddr) -> Result<()> {
    let mut orders = Orders {
        socket: socket.as_raw_fd(),
        address: address.as_ptr().cast(),
        length: address.len(),
        errno: 0,
    };
    let stack = Stack::new()?;
    let child = {
        let _blocked = SignalsBlocked::new();
        // CLONE_FILES: to copy the table is work. Without CLONE_FS: the umask is the child's own.
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_FILES;
        // SAFETY: `bind` follows the rules at the head of child.rs, on a stack of its own; what the orders point to
        // lives until it has ended, which CLONE_VFORK waits for.
        let pid = unsafe { libc::clone(bind, stack.top(), flags, (&raw mut orders).cast()) };
        Errno::result(pid).during("clone")?
    };
    let (_, status) = process::reap(Which::Pid(child)).during("waitid")?;
    match status {
        Status::Exited(0) => Ok(()),
        Status::Exited(_) => Err(Error { syscall: "bind", errno: Errno::from_raw(orders.errno), path: None }),
        Status::Killed { .. } => Err(Error { syscall: "clone", errno: Errno::EINTR, path: None }),
    }
}

extern "C" fn bind(orders: *mut c_void) -> c_int {
    let orders = orders.cast::<Orders>();
    // SAFETY: the parent passes its own orders and waits; the kernel reads the address.
    unsafe {
        libc::umask(0);
        if libc::bind((*orders).socket, (*orders).address, (*orders).length) < 0 {
            (*orders).errno = *libc::__errno_location();
            libc::_exit(1);
        }
        libc::_exit(0)
    }
}
