//! One epoll set per environment (main thread or worker), holding pidfds, channels and listening sockets. The reactor
//! never blocks: [`uv`] or [`thread`] watches the set, and calls [`Reactor::turn`] when an event is ready.
//!
//! The key of a registration is a token that is never used again, not its descriptor. Otherwise:
//!
//! 1. An event is on its way to a descriptor.
//! 2. That descriptor is closed, and a new one gets its number.
//! 3. The event reaches the wrong registration.
//!
//! Remove each registration from the set before its descriptor is closed. A child before its exec has a duplicate of
//! the descriptor, which would keep the registration in the set: see "Questions and answers" in epoll(7).

pub mod abandoned;
pub mod processes;
pub mod sockets;
#[cfg(test)]
mod tests;
pub mod thread;
pub mod uv;

use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollTimeout};

use crate::clone::Child;
use crate::error::{During, Result};
use processes::{Ending, Processes};
use sockets::{Ready, Sockets};

/// The most events of one turn, so that the rest of the program gets its turn.
const EVENTS_PER_TURN: usize = 1024;

/// The key of a registration.
pub type Token = u64;

/// Watches the set of a reactor for the event loop of a runtime.
pub trait Waker {
    /// Sets whether the waker keeps the event loop alive.
    fn keep_alive(&mut self, yes: bool);
    /// Called after each turn.
    fn turned(&self) {}
    /// Stops. Calls `done` when the waker no longer uses the set.
    fn close(self: Box<Self>, done: Box<dyn FnOnce()>);
}

/// The registrations of one environment.
pub struct Reactor {
    set: Arc<Epoll>,
    last: Token,
    pub processes: Processes,
    pub sockets: Sockets,
}

/// The events of a turn.
#[derive(Default)]
pub struct Turn {
    /// Processes that have ended. Their registrations are removed.
    pub endings: Vec<(Token, Ending)>,
    /// Sockets that are ready.
    pub ready: Vec<(Token, Ready)>,
}

impl Reactor {
    pub fn new() -> Result<Self> {
        let set = Arc::new(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).during("epoll_create1")?);
        let processes = Processes::new(Arc::clone(&set));
        let sockets = Sockets::new(Arc::clone(&set));
        Ok(Self { set, last: 0, processes, sockets })
    }

    /// Returns the epoll set for a waker.
    pub fn set(&self) -> &Arc<Epoll> {
        &self.set
    }

    /// Returns a new token.
    pub fn token(&mut self) -> Token {
        self.last += 1;
        self.last
    }

    /// Takes over a child that procnative has started.
    pub fn adopt(&mut self, child: Child) -> Token {
        let token = self.token();
        self.processes.adopt(token, child);
        token
    }

    /// Returns the ready events, without waiting.
    pub fn turn(&mut self) -> Result<Turn> {
        let mut turn = Turn::default();
        let Self { set, processes, sockets, .. } = self;
        for_each_event(set, |event| match sockets.handle_event(event.data(), event.events()) {
            Some(ready) => turn.ready.push((event.data(), ready)),
            None => processes.handle_event(event.data(), &mut turn.endings),
        })?;
        Ok(turn)
    }
}

/// Calls `each` for the ready events, without waiting.
fn for_each_event(set: &Epoll, mut each: impl FnMut(&EpollEvent)) -> Result<()> {
    let mut events = [EpollEvent::empty(); EVENTS_PER_TURN];
    let count = match set.wait(&mut events, EpollTimeout::ZERO) {
        Err(Errno::EINTR) => 0,
        result => result.during("epoll_wait")?,
    };
    events[..count].iter().for_each(&mut each);
    Ok(())
}
