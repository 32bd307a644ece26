//! Descriptors that JavaScript owns. When the environment of a worker thread ends, this module closes the worker's descriptors:
//! an environment may end at any moment, and the process would keep them open. The process closes those of the main thread.

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
    /// For each descriptor, the file behind it when JavaScript first read the number. Code with the number can close the descriptor.
    /// None in the main thread, and in a worker that owns no descriptor yet.
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

/// Removes a descriptor from the worker's descriptors, because other code owns it from now on.
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
    // In a thread that is about to end, the variable may be gone.
    let owned = OWNED.try_with(RefCell::take).ok().flatten();
    for (descriptor, identity) in owned.into_iter().flatten() {
        if identity.is_none_or(|known| Identity::of(sys::fd::borrow(descriptor)) == Ok(known)) {
            // No caller is left to get an error.
            let _ = fd::close(descriptor);
        }
    }
    done();
}
