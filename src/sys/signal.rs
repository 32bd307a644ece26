//! Signal dispositions and masks.

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};

/// Sets signals with a handler to their default action until dropped. An ignored signal, as under nohup(1), stays
/// ignored.
pub struct DefaultActions {
    before: Vec<(Signal, libc::sigaction)>,
}

impl DefaultActions {
    pub fn for_each(signals: &[Signal]) -> nix::Result<Self> {
        let mut actions = Self { before: Vec::with_capacity(signals.len()) };
        for &signal in signals {
            // SAFETY: zeros are valid for a struct of numbers: SIG_DFL, no flags, an empty mask.
            let (mut before, default): (libc::sigaction, libc::sigaction) = unsafe { std::mem::zeroed() };
            // SAFETY: reads the action of a signal into our struct.
            Errno::result(unsafe { libc::sigaction(signal as i32, std::ptr::null(), &raw mut before) })?;
            if before.sa_sigaction == libc::SIG_IGN {
                continue;
            }
            // SAFETY: reads our struct. The default action runs no code of ours.
            Errno::result(unsafe {
                libc::sigaction(signal as i32, &raw const default, std::ptr::null_mut())
            })?;
            actions.before.push((signal, before));
        }
        Ok(actions)
    }
}

impl Drop for DefaultActions {
    fn drop(&mut self) {
        for (signal, before) in &self.before {
            // SAFETY: restores the action that the kernel has returned.
            unsafe { libc::sigaction(*signal as i32, before, std::ptr::null_mut()) };
        }
    }
}

/// Runs `call` with one signal blocked in this thread.
pub fn with_blocked<T>(signal: Signal, call: impl FnOnce() -> T) -> nix::Result<T> {
    let mut set = SigSet::empty();
    set.add(signal);
    let before = set.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let result = call();
    before.thread_set_mask()?;
    Ok(result)
}
