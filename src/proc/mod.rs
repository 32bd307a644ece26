//! Reads /proc, see proc(5).

pub mod exit_status;
pub mod stat;
pub mod status;
