//! Messages with descriptors over a Unix stream socket. No call here waits, whether or not the socket has O_NONBLOCK.
//! That flag stays as it is, because the processes that share the socket share the flag.

mod decoder;
mod frame;
mod inbox;
mod outbox;
mod queue;
#[cfg(test)]
mod tests;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::sys::epoll::EpollFlags;
use nix::sys::socket::{self, Shutdown};

pub use decoder::{Fault, Limits, Message};
pub use inbox::{Batch, End};
pub use outbox::State;
pub use queue::SendError;

use crate::error::{During, Error, Result};
use crate::sys;
use inbox::Inbox;
use outbox::Outbox;

/// The state of the sending half.
pub struct Report {
    pub state: State,
    /// Number of messages settled before the failure.
    pub count: u64,
    /// The error of message number `count` if the state is `Failed`, and of all later
    /// messages if it is `Broken`. Reported once.
    pub failure: Option<Error>,
}

/// A channel: a socket with its two halves.
pub struct Channel {
    socket: OwnedFd,
    inbox: Inbox,
    outbox: Outbox,
    /// Number of messages since the channel was opened that were sent, or that could not be sent.
    settled: u64,
    /// True if the channel's user wants to receive.
    is_read: bool,
    /// True if epoll has reported, while the channel was not read, that the peer has stopped sending.
    knows_end: bool,
    /// True if epoll has reported, while the channel was not read, that the peer is gone. epoll reports that unasked.
    is_hung_up: bool,
}

impl Channel {
    pub fn new(socket: OwnedFd, limits: Limits) -> Self {
        Self {
            socket,
            inbox: Inbox::new(limits),
            outbox: Outbox::new(),
            settled: 0,
            is_read: false,
            knows_end: false,
            is_hung_up: false,
        }
    }

    /// Returns the socket.
    pub fn into_fd(self) -> OwnedFd {
        self.socket
    }

    /// Sends or queues a message, see [`Outbox::send`]. Returns the number of settled messages.
    pub fn send<E>(
        &mut self,
        descriptors: &[RawFd],
        now: bool,
        write: impl FnOnce(&mut Vec<u8>) -> std::result::Result<(), E>,
    ) -> std::result::Result<u64, SendError<E>> {
        let is_only_one = self.outbox.send(self.socket.as_fd(), descriptors, now, write)?;
        self.settled += if is_only_one { 1 } else { self.outbox.done() };
        Ok(self.settled)
    }

    /// Sends the messages that waited for the end of the turn. Does nothing if the queue waits for something else.
    pub fn end_turn(&mut self) -> Report {
        match self.outbox.state() {
            State::Queued => self.flush(),
            state => self.report(state),
        }
    }

    /// Sends queued messages while there is room.
    pub fn flush(&mut self) -> Report {
        let state = self.outbox.flush(self.socket.as_fd());
        self.report(state)
    }

    fn report(&mut self, state: State) -> Report {
        self.settled += self.outbox.done();
        let (count, failure) = (self.settled, self.outbox.failure());
        if state == State::Failed && failure.is_some() {
            self.settled += 1;
        }
        Report { state, count, failure }
    }

    /// Sets whether epoll reports data to receive.
    pub fn read(&mut self, yes: bool) {
        self.is_read = yes;
        if yes {
            // So that epoll reports the peer's end again if reading stops.
            (self.knows_end, self.is_hung_up) = (false, false);
        }
    }

    /// Receives messages, up to a limit. The channel keeps `buffer` until `settle`.
    pub fn receive(&mut self, buffer: &mut Vec<u8>) -> Result<Batch> {
        self.inbox.receive(self.socket.as_fd(), buffer)
    }

    /// Returns the bytes that hold the messages of a batch.
    pub fn bytes(&self) -> &[u8] {
        self.inbox.bytes()
    }

    /// Removes the bytes of a batch, and gives the buffer back.
    pub fn settle(&mut self, buffer: &mut Vec<u8>) {
        self.inbox.settle(buffer);
    }

    /// Shuts down the sending half.
    pub fn shut_down(&self) -> Result<()> {
        socket::shutdown(self.socket.as_raw_fd(), Shutdown::Write).during("shutdown")
    }

    /// Returns the events for epoll to report. None: remove the socket from the set.
    pub fn interest(&self) -> Option<EpollFlags> {
        let mut flags = EpollFlags::empty();
        if self.is_read {
            flags |= EpollFlags::EPOLLIN;
        }
        if self.outbox.state() == State::Blocked {
            flags |= EpollFlags::EPOLLOUT;
        }
        if !self.knows_end {
            flags |= EpollFlags::EPOLLRDHUP;
        }
        let wants_any = flags.intersects(EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT);
        (wants_any || !self.is_hung_up).then_some(flags)
    }

    /// Interprets an event of epoll. Returns whether to receive, and whether to send.
    pub fn interpret(&mut self, event: EpollFlags) -> (bool, bool) {
        let is_hung_up = event.intersects(EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR);
        let has_ended = is_hung_up || event.contains(EpollFlags::EPOLLRDHUP);
        let can_send =
            self.outbox.state() == State::Blocked && (is_hung_up || event.contains(EpollFlags::EPOLLOUT));
        if self.is_read {
            return (has_ended || event.contains(EpollFlags::EPOLLIN), can_send);
        }
        // The channel is not read. But if no data is left, the caller can receive the end at once.
        let is_over = has_ended && sys::socket::unread(self.as_fd()).is_ok_and(|bytes| bytes == 0);
        self.knows_end |= has_ended;
        self.is_hung_up |= is_hung_up;
        (is_over, can_send)
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
