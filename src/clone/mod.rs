//! Starts processes. The parent blocks signals, clones, reads the shared report, and reaps a failed child.
//!
//! clone(2) with CLONE_VM and CLONE_VFORK copies no page table, so the cost does not grow with the parent's memory. The
//! child uses the parent's memory until it has exec'd or died. The parent's thread stands still until then. A keeper
//! uses that memory for longer, while the parent's thread goes on.
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
