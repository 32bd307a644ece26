//! The parent's half of making a process: block signals, clone, read the shared report, reap.
//!
//! clone(CLONE_VM | CLONE_VFORK) copies no page table, so the cost does not grow with the parent's memory. The
//! child borrows the parent's memory until it has exec'd or died; the parent's thread stands still until then.
//! A keeper borrows it for longer, beside the parent's thread.
#![allow(unsafe_code)]

mod bind;
pub mod child;
mod daemon;
mod guard;
mod keeper;
mod process;
mod shared;
mod stack;
#[cfg(test)]
mod tests;

pub use bind::bind_unmasked;
pub use daemon::{Daemon, Kinship, daemon};
pub use process::{Child, process};
