//! Channels and listening sockets in the set. By levels: what is not received in one turn is told again in the next.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};

use super::Token;
use crate::channel::Channel;
use crate::error::{During, Error, Result};

/// What can be done without waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// Receive, or accept.
    pub receive: bool,
    pub send: bool,
}

enum Socket {
    Channel(Box<Channel>),
    Listener { socket: OwnedFd, is_watched: bool },
}

struct Entry {
    socket: Socket,
    /// What it is in the set for.
    registered: Option<EpollFlags>,
}

pub struct Sockets {
    set: Arc<Epoll>,
    entries: BTreeMap<Token, Entry>,
    /// What channels receive into, one after the other.
    buffer: Vec<u8>,
}

impl Sockets {
    pub fn new(set: Arc<Epoll>) -> Self {
        Self { set, entries: BTreeMap::new(), buffer: Vec::new() }
    }

    /// If that fails, its descriptor stays open, for whoever has it.
    pub fn add_channel(&mut self, token: Token, channel: Channel) -> Result<()> {
        self.add(token, Socket::Channel(Box::new(channel)))
    }

    /// The same.
    pub fn add_listener(&mut self, token: Token, socket: OwnedFd) -> Result<()> {
        self.add(token, Socket::Listener { socket, is_watched: true })
    }

    fn add(&mut self, token: Token, socket: Socket) -> Result<()> {
        let mut entry = Entry { socket, registered: None };
        if let Err(error) = entry.register(&self.set, token) {
            let _ = entry.socket.into_fd().into_raw_fd();
            return Err(error);
        }
        self.entries.insert(token, entry);
        Ok(())
    }

    /// Does something to a channel, with the buffer that it may receive into; what is to be told of it may be another
    /// thing then.
    pub fn with_channel<T>(
        &mut self,
        token: Token,
        work: impl FnOnce(&mut Channel, &mut Vec<u8>) -> T,
    ) -> Result<T> {
        let Some(entry) = self.entries.get_mut(&token) else { return gone() };
        let Socket::Channel(channel) = &mut entry.socket else { return gone() };
        let result = work(channel, &mut self.buffer);
        entry.register(&self.set, token).map(|()| result)
    }

    /// Returns a channel to send with. The end of the turn updates its epoll registration. An error of that update must not hide
    /// that a message was accepted.
    pub fn sender(&mut self, token: Token) -> Result<&mut Channel> {
        match self.entries.get_mut(&token) {
            Some(Entry { socket: Socket::Channel(channel), .. }) => Ok(channel),
            _ => gone(),
        }
    }

    /// A listening socket.
    pub fn listener(&self, token: Token) -> Result<&OwnedFd> {
        match self.entries.get(&token) {
            Some(Entry { socket: Socket::Listener { socket, .. }, .. }) => Ok(socket),
            _ => gone(),
        }
    }

    /// Whether it is to be told when somebody connects.
    pub fn watch_listener(&mut self, token: Token, yes: bool) -> Result<()> {
        let Some(entry) = self.entries.get_mut(&token) else { return gone() };
        if let Socket::Listener { is_watched, .. } = &mut entry.socket {
            *is_watched = yes;
        }
        entry.register(&self.set, token)
    }

    /// Takes it out of the set, and closes it.
    pub fn close(&mut self, token: Token) {
        if let Some(entry) = self.entries.remove(&token)
            && entry.registered.is_some()
        {
            // It is there, so that this can't fail.
            let _ = self.set.delete(entry.socket.as_fd());
        }
    }

    /// What an event means. None: it is none of ours.
    pub fn look_at(&mut self, token: Token, event: EpollFlags) -> Option<Ready> {
        let entry = self.entries.get_mut(&token)?;
        let ready = match &mut entry.socket {
            Socket::Channel(channel) => {
                let (receive, send) = channel.heed(event);
                Ready { receive, send }
            }
            Socket::Listener { .. } => Ready { receive: true, send: false },
        };
        // To ask for less of what is there already can't fail.
        let _ = entry.register(&self.set, token);
        Some(ready)
    }
}

impl Entry {
    fn register(&mut self, set: &Epoll, token: Token) -> Result<()> {
        let wanted = match &self.socket {
            Socket::Channel(channel) => channel.interest(),
            Socket::Listener { is_watched, .. } => is_watched.then_some(EpollFlags::EPOLLIN),
        };
        if wanted == self.registered {
            return Ok(());
        }
        let event = |flags| EpollEvent::new(flags, token);
        let descriptor = self.socket.as_fd();
        match (self.registered, wanted) {
            (None, Some(flags)) => set.add(descriptor, event(flags)),
            (Some(_), Some(flags)) => set.modify(descriptor, &mut event(flags)),
            (_, None) => set.delete(descriptor),
        }
        .during("epoll_ctl")?;
        self.registered = wanted;
        Ok(())
    }
}

impl Socket {
    fn into_fd(self) -> OwnedFd {
        match self {
            Self::Channel(channel) => channel.into_fd(),
            Self::Listener { socket, .. } => socket,
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Channel(channel) => channel.as_fd(),
            Self::Listener { socket, .. } => socket.as_fd(),
        }
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        for token in self.entries.keys().copied().collect::<Vec<_>>() {
            self.close(token);
        }
    }
}

/// What an environment has let go of already.
fn gone<T>() -> Result<T> {
    Err(Error { syscall: "epoll_ctl", errno: Errno::EBADF, path: None })
}
