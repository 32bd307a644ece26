//! The only files that name napi: each function here turns JavaScript values into plain Rust ones, calls the
//! module of its subject, and turns the result back. Shapes were checked in lib/.

mod channel;
mod daemon;
mod error;
mod event_loop;
mod fd;
mod identity;
mod notify;
mod owned;
mod pid_file;
mod process;
mod promise;
mod reactor;
mod session;
mod start;
mod text;
mod unix;
mod wait;
