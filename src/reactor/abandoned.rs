//! Children of threads that have ended. Their Process objects are gone, so procnative reaps them.

use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::processes::Processes;
use super::thread;
use crate::error::Result;
use crate::sys::poll;

/// None while there are no such children. One thread watches the children of all ended threads.
static ABANDONED: Mutex<Option<Processes>> = Mutex::new(None);

fn abandoned() -> MutexGuard<'static, Option<Processes>> {
    ABANDONED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reaps these children when they end. Fails if the thread for that can't be started. The children are then orphans,
/// which any waitpid(2) can reap.
pub fn reap(children: Processes) -> Result<()> {
    if children.is_empty() {
        return Ok(());
    }
    let mut abandoned = abandoned();
    if let Some(others) = &mut *abandoned {
        return others.take_over(children);
    }
    let set = Arc::clone(children.set());
    // Use the set of the first children: opening another fails if the process has run out of descriptors.
    *abandoned = Some(children);
    let started = thread::spawn(move || while poll::wait(&[set.0.as_fd()], None).is_ok() && turn() {});
    if started.is_err() {
        *abandoned = None;
    }
    started.map(drop)
}

/// Returns true if there are children left.
fn turn() -> bool {
    let mut abandoned = abandoned();
    // Neither call fails on open descriptors.
    let is_done = abandoned.as_mut().is_none_or(|children| children.turn().is_err() || children.is_empty());
    if is_done {
        *abandoned = None;
    }
    !is_done
}
