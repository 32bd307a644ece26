//! One epoll set an environment, in which hang processes by their pidfds, channels and listening sockets. Somebody else
//! watches the set ([`uv`], [`thread`]), and calls [`Reactor::turn`] when there is something in it.
//!
//! A registration is keyed by a token that grows, not by its descriptor: an event that was on its way when a descriptor was
//! closed says nothing about who has the number now. Each is taken out of the set before its descriptor is closed, since a
//! child on its way to exec has that too, and keeps it in the set.

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

/// How many events one turn handles, so that others have theirs.
const BATCH: usize = 1024;

pub type Token = u64;

/// What the loop of a runtime is to do about a reactor.
pub trait Waker {
    /// Whether it keeps the loop alive.
    fn keep_alive(&mut self, yes: bool);
    /// Called after each turn.
    fn turned(&self) {}
    /// Stops; `done` is called when nothing of it is left.
    fn close(self: Box<Self>, done: Box<dyn FnOnce()>);
}

pub struct Reactor {
    set: Arc<Epoll>,
    last: Token,
    pub processes: Processes,
    pub sockets: Sockets,
}

/// What a turn has found.
#[derive(Default)]
pub struct Turn {
    /// Processes that have ended, which are let go of.
    pub endings: Vec<(Token, Ending)>,
    pub ready: Vec<(Token, Ready)>,
}

impl Reactor {
    pub fn new() -> Result<Self> {
        let set = Arc::new(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).during("epoll_create1")?);
        let processes = Processes::new(Arc::clone(&set));
        let sockets = Sockets::new(Arc::clone(&set));
        Ok(Self { set, last: 0, processes, sockets })
    }

    /// What a waker watches.
    pub fn set(&self) -> &Arc<Epoll> {
        &self.set
    }

    /// A token for something new.
    pub fn token(&mut self) -> Token {
        self.last += 1;
        self.last
    }

    /// Takes over a child that was started here.
    pub fn adopt(&mut self, child: Child) -> Token {
        let token = self.token();
        self.processes.adopt(token, child);
        token
    }

    /// Without waiting: what has happened.
    pub fn turn(&mut self) -> Result<Turn> {
        let mut turn = Turn::default();
        let Self { set, processes, sockets, .. } = self;
        set_wait(set, |event| match sockets.look_at(event.data(), event.events()) {
            Some(ready) => turn.ready.push((event.data(), ready)),
            None => processes.look_at(event.data(), &mut turn.endings),
        })?;
        Ok(turn)
    }
}

fn set_wait(set: &Epoll, mut each: impl FnMut(&EpollEvent)) -> Result<()> {
    let mut events = [EpollEvent::empty(); BATCH];
    let count = match set.wait(&mut events, EpollTimeout::ZERO) {
        Err(Errno::EINTR) => 0,
        result => result.during("epoll_wait")?,
    };
    events[..count].iter().for_each(&mut each);
    Ok(())
}
