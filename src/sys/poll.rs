//! Waits for descriptors with poll(2). Signals don't interrupt the wait.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout};

/// Waits until one of `descriptors` is readable or hung up. Returns false if the deadline passes first. Without a
/// deadline, waits forever.
pub fn wait(descriptors: &[BorrowedFd<'_>], deadline: Option<Instant>) -> nix::Result<bool> {
    let mut polled: Vec<_> = descriptors.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    loop {
        match nix::poll::poll(&mut polled, remaining(deadline)) {
            Err(Errno::EINTR) => {}
            result => return result.map(|ready| ready > 0),
        }
    }
}

/// Returns true if `descriptor` is readable or hung up.
pub fn is_readable(descriptor: BorrowedFd<'_>) -> nix::Result<bool> {
    wait(&[descriptor], Some(Instant::now()))
}

/// Returns the time until the deadline, rounded up, so that the deadline has passed when poll(2) times out.
fn remaining(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    let left = deadline.saturating_duration_since(Instant::now());
    let rounded = if left.is_zero() { left } else { left + Duration::from_micros(999) };
    PollTimeout::try_from(rounded.as_millis()).unwrap_or(PollTimeout::MAX)
}
