//! The daemon: started by a launcher that waits for it ([`launch`]), tied to it by a socket ([`link`]) until it
//! is ready, with its output going where it was told ([`output`]).

pub mod launch;
pub mod link;
pub mod output;
