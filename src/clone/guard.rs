//! Protects this thread from a child in its memory: saves and restores the state that the child would change.

use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

const KERNEL_SIGSET_SIZE: usize = 8;

/// Held while a child changes its credentials, and so whether this process is dumpable. Without this lock:
///
/// 1. The child of thread A makes this process undumpable.
/// 2. Thread B saves "undumpable".
/// 3. Thread A restores "dumpable".
/// 4. The child of thread B makes this process undumpable. Thread B leaves it so.
static CHANGING: Mutex<()> = Mutex::new(());

/// Protects this thread while a child is in its memory. The fields are dropped in this order.
pub struct Shield {
    _dumpable: Option<Dumpable>,
    _blocked: SignalsBlocked,
    _alone: Option<MutexGuard<'static, ()>>,
}

impl Shield {
    pub fn new(changes_credentials: bool) -> Self {
        let alone = changes_credentials.then(|| CHANGING.lock().unwrap_or_else(PoisonError::into_inner));
        let blocked = SignalsBlocked::new();
        Self { _dumpable: changes_credentials.then(Dumpable::save), _blocked: blocked, _alone: alone }
    }
}

/// Blocks all signals of this thread until dropped, because no handler may run in a child that shares our memory.
/// Includes the signals 32 and 33, which glibc uses itself: nptl(7).
pub struct SignalsBlocked {
    before: u64,
}

impl SignalsBlocked {
    pub fn new() -> Self {
        let mut guard = Self { before: 0 };
        let all = u64::MAX;
        // SAFETY: both pointers are valid for eight bytes.
        unsafe { set_mask(&raw const all, &raw mut guard.before) };
        guard
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: `before` is valid for eight bytes, and null means that the kernel writes nothing.
        unsafe { set_mask(&raw const self.before, ptr::null_mut()) };
    }
}

/// Sets the signal mask of this thread by the raw system call.
///
/// # Safety
/// `new` must be valid for reading eight bytes. `old` must be null, or valid for writing eight bytes.
unsafe fn set_mask(new: *const u64, old: *mut u64) {
    // SAFETY: the caller's pointers are valid for eight bytes. The call fails only for invalid arguments.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, new, old, KERNEL_SIGSET_SIZE) };
}

/// Restores the "dumpable" attribute when dropped, see PR_SET_DUMPABLE in prctl(2). The attribute belongs to the
/// memory. So a child that changes its credentials makes the parent undumpable too: no core dump, no debugger,
/// /proc/self owned by root.
struct Dumpable {
    before: i32,
}

impl Dumpable {
    fn save() -> Self {
        // SAFETY: passes numbers only.
        Self { before: unsafe { libc::prctl(libc::PR_GET_DUMPABLE) } }
    }
}

impl Drop for Dumpable {
    fn drop(&mut self) {
        // The value 2 (readable by root only) can't be set, but the child can't have changed it either.
        if self.before == 1 {
            // SAFETY: passes numbers only.
            unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1 as libc::c_ulong) };
        }
    }
}
