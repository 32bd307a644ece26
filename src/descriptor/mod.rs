//! Descriptors and the files behind them.

pub mod fd;
pub mod kind;
pub mod remove;
