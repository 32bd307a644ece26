//! Unix sockets: listening, connecting, and messages with descriptors.

pub mod ancillary;
pub mod unix;
