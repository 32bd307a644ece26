//! Channels and listening sockets in the epoll set. Level-triggered: the next turn reports data again that a turn does
//! not receive.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};

use super::Token;
use crate::channel::Channel;
use crate::error::{During, Error, Result};

/// The calls that a socket is ready for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// True if the socket is ready to receive or accept.
    pub receive: bool,
    /// True if the socket is ready to send.
    pub send: bool,
}

enum Socket {
    Channel(Box<Channel>),
    Listener { socket: OwnedFd, is_watched: bool },
}

struct Entry {
    socket: Socket,
    /// The events that the socket is in the set for. None: it is not in the set.
    registered: Option<EpollFlags>,
}

/// The sockets of one epoll set.
pub struct Sockets {
    set: Arc<Epoll>,
    entries: BTreeMap<Token, Entry>,
    /// The buffer that channels receive into, one after the other.
    buffer: Vec<u8>,
}

impl Sockets {
    pub fn new(set: Arc<Epoll>) -> Self {
        Self { set, entries: BTreeMap::new(), buffer: Vec::new() }
    }

    /// Adds a channel. After an error, its descriptor stays open and belongs to the caller again.
    pub fn add_channel(&mut self, token: Token, channel: Channel) -> Result<()> {
        self.add(token, Socket::Channel(Box::new(channel)))
    }

    /// Adds a listening socket. After an error, its descriptor stays open and belongs to the caller again.
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

    /// Runs `work` on a channel, with the shared receive buffer. Then updates the epoll registration of the channel.
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

    /// Returns a channel for sending. The end of the turn updates its epoll registration, because an error of that
    /// update must not hide that a message was accepted.
    pub fn sender(&mut self, token: Token) -> Result<&mut Channel> {
        match self.entries.get_mut(&token) {
            Some(Entry { socket: Socket::Channel(channel), .. }) => Ok(channel),
            _ => gone(),
        }
    }

    /// Returns a listening socket.
    pub fn listener(&self, token: Token) -> Result<&OwnedFd> {
        match self.entries.get(&token) {
            Some(Entry { socket: Socket::Listener { socket, .. }, .. }) => Ok(socket),
            _ => gone(),
        }
    }

    /// Sets whether a turn reports connections to a listening socket.
    pub fn watch_listener(&mut self, token: Token, yes: bool) -> Result<()> {
        let Some(entry) = self.entries.get_mut(&token) else { return gone() };
        if let Socket::Listener { is_watched, .. } = &mut entry.socket {
            *is_watched = yes;
        }
        entry.register(&self.set, token)
    }

    /// Removes a socket from the set, and closes it.
    pub fn close(&mut self, token: Token) {
        if let Some(entry) = self.entries.remove(&token)
            && entry.registered.is_some()
        {
            // The socket is in the set, so this call succeeds.
            let _ = self.set.delete(entry.socket.as_fd());
        }
    }

    /// Returns the calls that an event allows. None if the token belongs to no socket.
    pub fn handle_event(&mut self, token: Token, event: EpollFlags) -> Option<Ready> {
        let entry = self.entries.get_mut(&token)?;
        let ready = match &mut entry.socket {
            Socket::Channel(channel) => {
                let (receive, send) = channel.interpret(event);
                Ready { receive, send }
            }
            Socket::Listener { .. } => Ready { receive: true, send: false },
        };
        // The event removes flags at most, so this call succeeds.
        let _ = entry.register(&self.set, token);
        Some(ready)
    }
}

impl Entry {
    /// Updates the registration in the set to the events that the socket needs.
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

/// Returns the error for a token without a socket, as after the end of its environment.
fn gone<T>() -> Result<T> {
    Err(Error { syscall: "epoll_ctl", errno: Errno::EBADF, path: None })
}
