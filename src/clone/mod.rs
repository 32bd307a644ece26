//! The parent's half of making a process: block signals, clone, read the shared report, reap.
//!
//! clone(CLONE_VM | CLONE_VFORK) copies no page table, so the cost does not grow with the parent's memory. The
//! child borrows the parent's memory until it has exec'd or died; the parent's thread stands still until then.
//! A keeper borrows it for longer, beside the parent's thread.
#![allow(unsafe_code)]

mod bind;
pub mod child;
pub mod credentials;
pub mod fingerprint;
mod guard;
mod keeper;
mod once;
pub mod plan;
mod shared;
mod stack;
pub mod strings;
mod twice;

pub use bind::bind_unmasked;
pub use once::{Child, once};
pub use twice::{Daemon, Kinship, twice};
