//! bind(2) without a umask. The umask belongs to the whole process, see umask(2). Changing it for a moment would also
//! change the mode of files that other threads create. So a short-lived child with its own umask calls bind(2).

use std::ffi::c_void;
use std::os::fd::{AsRawFd, BorrowedFd};

use libc::c_int;
use nix::errno::Errno;
use nix::sys::socket::{SockaddrLike, UnixAddr};

use super::guard::SignalsBlocked;
use super::stack::Stack;
use crate::error::{During, Error, Result};
use crate::sys::process::{self, Status, Which};

/// The arguments and the result of bind(2), shared with the child.
struct Call {
    socket: c_int,
    address: *const libc::sockaddr,
    length: libc::socklen_t,
    errno: c_int,
}

/// Binds `socket`. The socket file has exactly the mode that fchmod(2) gave to `socket`, from the first moment on.
pub fn bind_unmasked(socket: BorrowedFd<'_>, address: &UnixAddr) -> Result<()> {
    let mut call = Call {
        socket: socket.as_raw_fd(),
        address: address.as_ptr().cast(),
        length: address.len(),
        errno: 0,
    };
    let stack = Stack::new()?;
    let child = {
        let _blocked = SignalsBlocked::new();
        // CLONE_FILES saves copying the descriptor table. Without CLONE_FS, the child has its own umask.
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_FILES;
        // SAFETY: `bind` follows the rules at the head of child.rs, on its own stack. CLONE_VFORK waits for the child's
        // end, and `call` and `address` live longer.
        let pid = unsafe { libc::clone(bind, stack.top(), flags, (&raw mut call).cast()) };
        Errno::result(pid).during("clone")?
    };
    let (_, status) = process::reap(Which::Pid(child)).during("waitid")?;
    match status {
        Status::Exited(0) => Ok(()),
        Status::Exited(_) => Err(Error { syscall: "bind", errno: Errno::from_raw(call.errno), path: None }),
        Status::Killed { .. } => Err(Error { syscall: "clone", errno: Errno::EINTR, path: None }),
    }
}

extern "C" fn bind(call: *mut c_void) -> c_int {
    let call = call.cast::<Call>();
    // SAFETY: the parent passes its own `Call`, and waits until this process has ended. The kernel reads the address.
    unsafe {
        libc::umask(0);
        if libc::bind((*call).socket, (*call).address, (*call).length) < 0 {
            (*call).errno = *libc::__errno_location();
            libc::_exit(1);
        }
        libc::_exit(0)
    }
}
