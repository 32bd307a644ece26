//! What a child in our memory would change for us, saved and put back.

use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

const KERNEL_SIGSET_SIZE: usize = 8;

/// Held while a child changes its credentials, and with them whether this process is dumpable: what one has saved,
/// another one's child may have changed.
static CHANGING: Mutex<()> = Mutex::new(());

/// What protects this thread while it has a child in its memory. Fields are dropped in this order.
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

/// Blocks every signal of this thread, glibc's own 32 and 33 included, until dropped: no handler may run in a
/// child that shares our memory.
pub struct SignalsBlocked {
    before: u64,
}

impl SignalsBlocked {
    pub fn new() -> Self {
        let mut guard = Self { before: 0 };
        let all = u64::MAX;
        // SAFETY: the kernel reads and writes eight bytes each.
        unsafe { set_mask(&raw const all, &raw mut guard.before) };
        guard
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { set_mask(&raw const self.before, ptr::null_mut()) };
    }
}

/// # Safety
/// `new` can be read and `old`, unless null, be written, eight bytes each.
unsafe fn set_mask(new: *const u64, old: *mut u64) {
    // SAFETY: the caller's pointers are valid for eight bytes. It can only fail on bad arguments.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, new, old, KERNEL_SIGSET_SIZE) };
}

/// Puts PR_GET_DUMPABLE back when dropped: a child that changes its credentials in shared memory makes the
/// parent undumpable too (no core, no debugger, /proc/self owned by root).
struct Dumpable {
    before: i32,
}

impl Dumpable {
    fn save() -> Self {
        // SAFETY: prctl with numbers only.
        Self { before: unsafe { libc::prctl(libc::PR_GET_DUMPABLE) } }
    }
}

impl Drop for Dumpable {
    fn drop(&mut self) {
        // 2 (readable by root only) can't be asked for, but nor can it have changed.
        if self.before == 1 {
            // SAFETY: prctl with numbers only.
            unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1 as libc::c_ulong) };
        }
    }
}
