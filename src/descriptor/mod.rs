//! Descriptors and the files behind them: open or closed, of what kind, removed by whom.

pub mod fd;
pub mod kind;
pub mod remove;
