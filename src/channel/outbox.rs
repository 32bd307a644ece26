//! The sending half of a channel: sends messages at once, or queues them in one [`Queue`].

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::errno::Errno;

use super::queue::{BUNDLE_BYTES, Draft, Queue, SendError};
use crate::descriptor::fd;
use crate::error::{During, Error, Result};
use crate::sys;

/// A message at least this big is sent by itself: bundling it would cost more (duplicated descriptors, copied bytes)
/// than it saves.
const BIG_DESCRIPTORS: usize = 16;
const BIG_BYTES: usize = 32 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// All messages are sent.
    Sent,
    /// Some messages wait, to be sent together.
    Queued,
    /// The socket's buffer is full. The kernel reports when there is room.
    Blocked,
    /// Too many descriptors are in flight (ETOOMANYREFS), some of them ours. There is no event for when that changes:
    /// retry later.
    Crowded,
    /// The next message can't be sent; see [`Outbox::failure`].
    Failed,
    /// No message can be sent any more; see [`Outbox::failure`].
    Broken,
}

/// A reason why sendmsg(2) sent nothing.
enum Refusal {
    NoRoom,
    /// Too many descriptors are in flight, some of them ours.
    Crowd,
    Error(Errno),
}

pub struct Outbox {
    queue: Queue<OwnedFd>,
    state: State,
    /// Number of bytes in the queue when the kernel had no room.
    refused: usize,
    /// Number of sent messages that [`Outbox::send`] has reported as queued.
    done: u64,
    failure: Option<Error>,
}

impl Outbox {
    pub fn new() -> Self {
        Self { queue: Queue::new(), state: State::Sent, refused: 0, done: 0, failure: None }
    }

    pub fn state(&self) -> State {
        self.state
    }

    /// Counts the queued messages that were sent since the last call.
    pub fn done(&mut self) -> u64 {
        std::mem::take(&mut self.done)
    }

    /// Takes the error of the state `Failed` or `Broken`.
    pub fn failure(&mut self) -> Option<Error> {
        self.failure.take()
    }

    /// Sends a message, or queues it with duplicates of its descriptors. `write` appends the payload to the given
    /// bytes. If `now` is set, the message does not wait for further messages. An error concerns only this message,
    /// which is neither sent nor queued.
    ///
    /// Returns true if the message was sent and there is nothing else to report. Otherwise [`Outbox::done`] counts it
    /// later.
    pub fn send<E>(
        &mut self,
        socket: BorrowedFd<'_>,
        descriptors: &[RawFd],
        now: bool,
        write: impl FnOnce(&mut Vec<u8>) -> std::result::Result<(), E>,
    ) -> std::result::Result<bool, SendError<E>> {
        if self.state == State::Broken {
            return Err(Error { syscall: "sendmsg", errno: Errno::EPIPE, path: None }.into());
        }
        // Don't look at the frames: after a failure there may be none left, but the caller must learn of it first.
        let is_idle = self.state == State::Sent;
        let was_idle = is_idle && self.done == 0;
        let draft = self.queue.append(descriptors.len(), write)?;
        let is_big = descriptors.len() >= BIG_DESCRIPTORS || draft.length >= BIG_BYTES;
        if draft.carriers == 0 && (now || is_big) && is_idle {
            self.send_alone(socket, descriptors, draft)?;
        } else {
            self.push(descriptors, draft)?;
        }
        let is_sent = self.continue_sending(socket, now) == State::Sent && was_idle;
        if is_sent {
            self.done = 0;
        }
        Ok(is_sent)
    }

    /// Sends the queue if it is long enough, or if `now` is set.
    fn continue_sending(&mut self, socket: BorrowedFd<'_>, now: bool) -> State {
        // The kernel reports room only when three quarters of the send buffer are free: unix_writable() in
        // net/unix/af_unix.c. A bundle may fit long before that.
        let may_fit = self.queue.len() >= self.refused + BUNDLE_BYTES;
        match self.state {
            State::Queued if now || self.queue.fills_bundle() => self.flush(socket),
            State::Blocked if may_fit => self.flush(socket),
            state => state,
        }
    }

    /// Sends the first and only message. Queues the message, or its rest, if the kernel does not take all of it.
    fn send_alone(&mut self, socket: BorrowedFd<'_>, descriptors: &[RawFd], draft: Draft) -> Result<()> {
        match self.transmit(socket, draft.length, descriptors) {
            Ok(sent) => {
                if self.queue.advance_draft(draft, sent) {
                    self.done += 1;
                } else {
                    self.state = State::Queued;
                }
            }
            Err(Refusal::NoRoom) => {
                self.push(descriptors, draft)?;
                self.refused = draft.length;
                self.state = State::Blocked;
            }
            Err(Refusal::Crowd) => {
                self.push(descriptors, draft)?;
                self.state = State::Crowded;
            }
            Err(Refusal::Error(errno)) => {
                self.queue.discard(draft);
                return Err(errno).during("sendmsg");
            }
        }
        Ok(())
    }

    /// Queues a draft with duplicates of its descriptors.
    fn push(&mut self, descriptors: &[RawFd], draft: Draft) -> Result<()> {
        self.queue.push(draft, descriptors.iter().copied().map(fd::duplicate_among_many))?;
        if self.state == State::Sent {
            self.state = State::Queued;
        }
        Ok(())
    }

    /// Sends queued messages while there is room. Does nothing until the caller has taken the last failure: it belongs
    /// to the message after those that [`Outbox::done`] counts.
    pub fn flush(&mut self, socket: BorrowedFd<'_>) -> State {
        if self.state != State::Broken && self.failure.is_none() {
            self.state = self.send_queue(socket);
        }
        self.state
    }

    fn send_queue(&mut self, socket: BorrowedFd<'_>) -> State {
        let mut is_single = false;
        while self.queue.has_frames() {
            let bundle = self.queue.next_bundle(is_single);
            let descriptors: Vec<_> =
                self.queue.descriptors(bundle.descriptors).map(AsRawFd::as_raw_fd).collect();
            match self.transmit(socket, bundle.length, &descriptors) {
                Ok(sent) => {
                    sys::fd::close_all(self.queue.take_descriptors(bundle.descriptors));
                    self.done += self.queue.advance(bundle, sent);
                    is_single = false;
                }
                Err(Refusal::NoRoom) => {
                    self.refused = self.queue.len();
                    return State::Blocked;
                }
                Err(Refusal::Crowd) => return State::Crowded,
                // Send the frames one at a time to find the faulty one.
                Err(Refusal::Error(errno)) if bundle.frames > 1 && !is_broken(errno) => is_single = true,
                Err(Refusal::Error(errno)) => return self.fail(errno),
            }
        }
        self.queue.clear();
        State::Sent
    }

    /// Calls sendmsg(2) with bytes from the front of the queue.
    fn transmit(
        &self,
        socket: BorrowedFd<'_>,
        length: usize,
        descriptors: &[RawFd],
    ) -> std::result::Result<usize, Refusal> {
        let mut tries = 2;
        loop {
            match sys::socket::send(socket, self.queue.front(length), descriptors) {
                Ok(sent) => return Ok(sent),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Err(Refusal::NoRoom),
                // The carriers of this message are sent. Wait, because descriptors of other sockets must not break this
                // channel.
                Err(Errno::ETOOMANYREFS) if self.queue.is_carried() => return Err(Refusal::Crowd),
                // Our own descriptors are in flight, so waiting helps.
                Err(Errno::ETOOMANYREFS) if sys::socket::unreceived(socket).is_ok_and(|bytes| bytes > 0) => {
                    return Err(Refusal::Crowd);
                }
                // The peer may have received the last of our descriptors just now, so try once more.
                Err(Errno::ETOOMANYREFS) if tries > 1 => tries -= 1,
                Err(errno) => return Err(Refusal::Error(errno)),
            }
        }
    }

    /// Removes the next message, which can't be sent. If a part of it is sent, or the connection is broken, removes all
    /// messages.
    fn fail(&mut self, errno: Errno) -> State {
        self.failure = Some(Error { syscall: "sendmsg", errno, path: None });
        if is_broken(errno) || self.queue.is_partly_sent() {
            self.queue.clear();
            return State::Broken;
        }
        self.queue.drop_message();
        State::Failed
    }
}

/// Returns true if the peer is gone, or the socket is not connected.
fn is_broken(errno: Errno) -> bool {
    matches!(errno, Errno::EPIPE | Errno::ECONNRESET | Errno::ENOTCONN)
}
