//! Descriptors that JavaScript has. Those of a worker thread are closed with its environment, which may end at any moment and
//! leave the process with them; those of the main thread end with the process.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};

use napi::{Env, Result};
use napi_derive::napi;

use super::event_loop;
use crate::{fd, session};

thread_local! {
    /// None in the main thread, and where nothing was given yet.
    static OWNED: RefCell<Option<BTreeSet<RawFd>>> = const { RefCell::new(None) };
    static IS_WORKER: bool = !session::is_main_thread();
}

/// Gives descriptors to JavaScript.
pub fn give(env: &Env, descriptors: Vec<OwnedFd>) -> Result<Vec<RawFd>> {
    if IS_WORKER.with(|&is_worker| is_worker) && !descriptors.is_empty() {
        if OWNED.with_borrow(Option::is_none) {
            event_loop::at_end(*env, close_all)?;
        }
        OWNED.with_borrow_mut(|owned| {
            owned.get_or_insert_default().extend(descriptors.iter().map(AsRawFd::as_raw_fd));
        });
    }
    Ok(descriptors.into_iter().map(IntoRawFd::into_raw_fd).collect())
}

/// What becomes of a descriptor is somebody else's business from now on.
#[napi(catch_unwind)]
pub fn disown(descriptor: i32) {
    OWNED.with_borrow_mut(|owned| owned.as_mut().map(|owned| owned.remove(&descriptor)));
}

fn close_all(done: Box<dyn FnOnce()>) {
    // The thread itself may be about to end.
    let owned = OWNED.try_with(RefCell::take).ok().flatten();
    for descriptor in owned.into_iter().flatten() {
        // It was closed by its number.
        let _ = fd::close(descriptor);
    }
    done();
}
