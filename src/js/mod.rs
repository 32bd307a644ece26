//! The only files that name napi: each function here turns JavaScript values into plain Rust ones, calls the
//! module of its subject, and turns the result back. Shapes were checked in lib/.

mod call;
mod channel;
mod children;
mod daemon;
mod error;
mod event_loop;
mod fd;
mod host;
mod identity;
mod notify;
mod owned;
mod pid_file;
mod process;
mod promise;
mod reactor;
mod session;
mod start;
mod strings;
mod unix;
mod wait;
mod weak;

use napi::Result;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

/// What is called too often for napi-rs to export it.
#[napi(module_exports)]
pub fn export(mut exports: Object<'_>) -> Result<()> {
    call::export::<channel::SendMessage>(&mut exports)?;
    call::export::<fd::Close>(&mut exports)
}

/// Compared with the version of the JavaScript, because the two may come from different packages.
#[napi]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
