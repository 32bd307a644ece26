//! The functions that JavaScript calls. No other folder uses napi. Each function converts JavaScript values into Rust values,
//! calls the module of its subject, and converts the result. lib/ has checked the shapes of the values.

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

/// Exports the functions that are called too often for the overhead of napi-rs.
#[napi(module_exports)]
pub fn export(mut exports: Object<'_>) -> Result<()> {
    fast_call::export::<channel::SendMessage>(&mut exports)?;
    fast_call::export::<descriptor::Close>(&mut exports)
}

/// Returns the version of the binary. The JavaScript may come from another package, so it compares its version with this one.
#[napi]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
