//! Processes: starting, waiting, reaping, sessions and process groups.

pub mod orphans;
pub mod own_children;
pub mod session;
pub mod spawn;
pub mod wait;
