//! Messages with descriptors over a Unix stream socket. The socket's O_NONBLOCK, which it shares with others, is left
//! as it is: no call here waits.

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

pub struct Channel {
    socket: OwnedFd,
    inbox: Inbox,
    outbox: Outbox,
    /// Whether something was sent in this turn: what follows goes together, at its end.
    is_in_turn: bool,
    is_read: bool,
    /// Whether the other end has stopped sending, which is not told again until what it has sent is read.
    knows_end: bool,
    /// Whether it is gone altogether, which epoll tells unasked.
    is_hung_up: bool,
}

impl Channel {
    pub fn new(socket: OwnedFd, limits: Limits) -> Self {
        Self {
            socket,
            inbox: Inbox::new(limits),
            outbox: Outbox::new(),
            is_in_turn: false,
            is_read: false,
            knows_end: false,
            is_hung_up: false,
        }
    }

    /// Gives the socket back.
    pub fn into_fd(self) -> OwnedFd {
        self.socket
    }

    /// See [`Outbox::send`]. After the first call of a turn, the caller must call [`Channel::end_turn`] once.
    pub fn send<E>(
        &mut self,
        descriptors: &[RawFd],
        write: impl FnOnce(&mut Vec<u8>) -> std::result::Result<(), E>,
    ) -> std::result::Result<bool, SendError<E>> {
        let is_sent = self.outbox.send(self.socket.as_fd(), descriptors, !self.is_in_turn, write)?;
        self.is_in_turn = true;
        Ok(is_sent)
    }

    /// Sends what the turn has left.
    pub fn end_turn(&mut self) -> State {
        self.is_in_turn = false;
        match self.outbox.state() {
            State::Queued => self.flush(),
            state => state,
        }
    }

    /// Sends what is queued, as far as there is room.
    pub fn flush(&mut self) -> State {
        self.outbox.flush(self.socket.as_fd())
    }

    /// Counts the queued messages that were sent since the last call.
    pub fn done(&mut self) -> u64 {
        self.outbox.done()
    }

    /// Why a message could not be sent.
    pub fn failure(&mut self) -> Option<Error> {
        self.outbox.failure()
    }

    /// Whether it is to be told when there is something to receive.
    pub fn read(&mut self, yes: bool) {
        self.is_read = yes;
        if yes {
            // To be told again, should nobody read any more.
            (self.knows_end, self.is_hung_up) = (false, false);
        }
    }

    /// Receives what there is, up to a limit, into a buffer that is lent until it is settled.
    pub fn receive(&mut self, buffer: &mut Vec<u8>) -> Result<Batch> {
        self.inbox.receive(self.socket.as_fd(), buffer)
    }

    /// What the messages of a batch stand in.
    pub fn bytes(&self) -> &[u8] {
        self.inbox.bytes()
    }

    pub fn settle(&mut self, buffer: &mut Vec<u8>) {
        self.inbox.settle(buffer);
    }

    /// Nothing will be sent any more.
    pub fn shut_down(&self) -> Result<()> {
        socket::shutdown(self.socket.as_raw_fd(), Shutdown::Write).during("shutdown")
    }

    /// What epoll is to tell. None: nothing at all.
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

    /// What of an event is to be acted upon: is there something to receive, and can something be sent?
    pub fn heed(&mut self, event: EpollFlags) -> (bool, bool) {
        let is_hung_up = event.intersects(EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR);
        let has_ended = is_hung_up || event.contains(EpollFlags::EPOLLRDHUP);
        let can_send =
            self.outbox.state() == State::Blocked && (is_hung_up || event.contains(EpollFlags::EPOLLOUT));
        if self.is_read {
            return (has_ended || event.contains(EpollFlags::EPOLLIN), can_send);
        }
        // Nobody reads; but if there is nothing left to read, it is over.
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
