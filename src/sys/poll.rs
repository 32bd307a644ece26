//! poll(2) that a signal does not interrupt.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout};

/// Waits until one of `descriptors` can be read or has been hung up (true), or the deadline has passed (false).
/// Without a deadline, for ever.
pub fn wait(descriptors: &[BorrowedFd<'_>], deadline: Option<Instant>) -> nix::Result<bool> {
    let mut polled: Vec<_> = descriptors.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    loop {
        match nix::poll::poll(&mut polled, remaining(deadline)) {
            Err(Errno::EINTR) => {}
            result => return result.map(|ready| ready > 0),
        }
    }
}

/// The same, without waiting.
pub fn is_readable(descriptor: BorrowedFd<'_>) -> nix::Result<bool> {
    wait(&[descriptor], Some(Instant::now()))
}

/// What is left until the deadline, rounded up so that a poll that timed out is past it.
fn remaining(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    let left = deadline.saturating_duration_since(Instant::now());
    let rounded = if left.is_zero() { left } else { left + Duration::from_micros(999) };
    PollTimeout::try_from(rounded.as_millis()).unwrap_or(PollTimeout::MAX)
}
