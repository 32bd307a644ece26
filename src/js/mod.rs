//! The only files that name napi: each function here turns JavaScript values into plain Rust ones, calls the
//! module of its subject, and turns the result back. Shapes were checked in lib/.

mod bridge;
mod channel;
mod children;
mod credentials;
mod daemonize;
mod descriptor;
mod pid_file;
mod process;
mod reactor;
mod session;
mod spawn_daemon;
mod systemd;
mod unix;
mod wait;

use napi::Result;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use bridge::fast_call;

/// What is called too often for napi-rs to export it.
#[napi(module_exports)]
pub fn export(mut exports: Object<'_>) -> Result<()> {
    fast_call::export::<channel::SendMessage>(&mut exports)?;
    fast_call::export::<descriptor::Close>(&mut exports)
}

/// Compared with the version of the JavaScript, because the two may come from different packages.
#[napi]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
