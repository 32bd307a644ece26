//! Descriptors that JavaScript has. Those of a worker thread are closed with its environment, which may end at any moment and
//! leave the process with them; those of the main thread end with the process.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};

use napi::{Env, Result};
use napi_derive::napi;

use super::event_loop;
use crate::descriptor::fd::{self, Identity};
use crate::process::session;
use crate::sys;

thread_local! {
    /// None in the main thread, and where nothing was given yet.
    /// For each descriptor, the file behind it when JavaScript first read the number. Any code with the number can close it.
    static OWNED: RefCell<Option<BTreeMap<RawFd, Option<Identity>>>> = const { RefCell::new(None) };
    static IS_WORKER: bool = !session::is_main_thread();
}

/// Gives descriptors to JavaScript.
pub fn give(env: &Env, descriptors: Vec<OwnedFd>) -> Result<Vec<RawFd>> {
    if IS_WORKER.with(|&is_worker| is_worker) && !descriptors.is_empty() {
        if OWNED.with_borrow(Option::is_none) {
            event_loop::at_end(*env, close_all)?;
        }
        OWNED.with_borrow_mut(|owned| {
            owned.get_or_insert_default().extend(descriptors.iter().map(|fd| (fd.as_raw_fd(), None)));
        });
    }
    Ok(descriptors.into_iter().map(IntoRawFd::into_raw_fd).collect())
}

/// What becomes of a descriptor is somebody else's business from now on.
#[napi(catch_unwind)]
pub fn disown(descriptor: i32) {
    OWNED.with_borrow_mut(|owned| owned.as_mut().map(|owned| owned.remove(&descriptor)));
}

/// Returns "DEVICE:INODE" of a descriptor whose number JavaScript is about to read, or null if it is not open. When the handle
/// is collected, or its worker ends, the descriptor is closed only if both are still the same.
#[napi(catch_unwind)]
pub fn identity_of(descriptor: i32) -> Option<String> {
    let identity = Identity::of(sys::fd::borrow(descriptor)).ok()?;
    OWNED.with_borrow_mut(|owned| {
        if let Some(known) = owned.as_mut().and_then(|owned| owned.get_mut(&descriptor)) {
            known.get_or_insert(identity);
        }
    });
    Some(format!("{}:{}", identity.device, identity.inode))
}

fn close_all(done: Box<dyn FnOnce()>) {
    // The thread itself may be about to end.
    let owned = OWNED.try_with(RefCell::take).ok().flatten();
    for (descriptor, identity) in owned.into_iter().flatten() {
        if identity.is_none_or(|known| Identity::of(sys::fd::borrow(descriptor)) == Ok(known)) {
            // No caller is left to get an error.
            let _ = fd::close(descriptor);
        }
    }
    done();
}
