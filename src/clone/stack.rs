//! Stacks for the children: they run in the parent's memory, but not on its stack.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

use nix::errno::Errno;

use crate::error::{During, Result};

/// What the child's functions need is under a kilobyte; system call wrappers and a signal frame fit in the rest.
const SIZE: usize = 64 * 1024;
/// At least a page, on machines with pages of 64 KiB too.
const GUARD: usize = 64 * 1024;

/// A mapping that grows down towards a guard: an overflow faults instead of writing into the parent.
pub struct Stack {
    bottom: *mut c_void,
}

thread_local! {
    /// To map one, and worse, to unmap one, which all cores that run this process have to hear of, takes longer than
    /// the rest of the parent's half.
    static SPARE: Cell<Option<Stack>> = const { Cell::new(None) };
}

impl Stack {
    /// Lends this thread's stack for children to `work`. None of them may be in it any more when that returns.
    pub fn with<T>(work: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        let stack = SPARE.take().map_or_else(Self::new, Ok)?;
        let result = work(&stack);
        SPARE.set(Some(stack));
        result
    }

    pub fn new() -> Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK | libc::MAP_NORESERVE;
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists.
        let bottom = unsafe { libc::mmap(ptr::null_mut(), GUARD + SIZE, libc::PROT_NONE, flags, -1, 0) };
        if bottom == libc::MAP_FAILED {
            return Err(crate::error::Error::last("mmap"));
        }
        let stack = Self { bottom };
        // SAFETY: within the mapping just made.
        let usable =
            unsafe { libc::mprotect(bottom.byte_add(GUARD), SIZE, libc::PROT_READ | libc::PROT_WRITE) };
        Errno::result(usable).during("mprotect")?;
        Ok(stack)
    }

    /// One past the highest byte, aligned to a page.
    pub fn top(&self) -> *mut c_void {
        // SAFETY: one past the end of the mapping.
        unsafe { self.bottom.byte_add(GUARD + SIZE) }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: our own mapping, which no child uses any more.
        unsafe { libc::munmap(self.bottom, GUARD + SIZE) };
    }
}
