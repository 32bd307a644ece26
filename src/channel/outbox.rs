//! The sending half of a channel: what could not be sent at once, in one queue of bytes and one of descriptors.

use std::collections::VecDeque;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::errno::Errno;

use super::frame::{HEADER, Header};
use crate::error::{During, Error, Result};
use crate::sys;
use crate::sys::memory;
use crate::sys::socket::MAX_FDS;

/// How much goes together, at most.
const BYTES: usize = 64 * 1024;

/// How many descriptors need not wait for more. Duplicates of these, and what a runtime has open itself, fit into the table
/// of descriptors that a process begins with (256); to make it larger takes the kernel ten milliseconds, if there are threads.
const DESCRIPTORS: usize = 200;

/// What does not wait for others, since that would cost more than it saves: duplicates, and copies.
const BIG_DESCRIPTORS: usize = 16;
const BIG_BYTES: usize = 32 * 1024;

/// Bytes that were sent are removed from the front when there are so many, and more than are left.
const SLACK: usize = 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// All is sent.
    Sent,
    /// Some of it waits to be sent with others.
    Queued,
    /// The kernel has no room, and will tell when it has.
    Blocked,
    /// As many descriptors are in flight as may be. The peer has some of them; nobody tells when it has received them.
    Crowded,
    /// The next message can't be sent; see [`Outbox::failure`].
    Failed,
    /// Nothing can be sent any more; see there.
    Broken,
}

/// A frame, or what is left of it.
struct Frame {
    length: usize,
    descriptors: usize,
    is_message: bool,
}

/// Why nothing was sent.
enum Refusal {
    NoRoom,
    /// Too many descriptors are in flight, some of them here.
    Crowd,
    Error(Errno),
}

pub struct Outbox {
    bytes: Vec<u8>,
    /// Where in `bytes` the first frame begins, or what is left of it.
    start: usize,
    frames: VecDeque<Frame>,
    /// Of the frames, in their order, without those of what is under way.
    descriptors: VecDeque<OwnedFd>,
    /// Bytes at the front of which the descriptors, and the first of them, have been sent.
    under_way: usize,
    /// Whether the descriptors of carriers have been sent, but not their message.
    is_carried: bool,
    state: State,
    /// How many bytes there were when the kernel had no room.
    refused: usize,
    /// Messages sent since their caller was told by [`Outbox::send`] that they are queued.
    done: u64,
    failure: Option<Error>,
}

impl Outbox {
    pub fn new() -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            frames: VecDeque::new(),
            descriptors: VecDeque::new(),
            under_way: 0,
            is_carried: false,
            state: State::Sent,
            refused: 0,
            done: 0,
            failure: None,
        }
    }

    pub fn state(&self) -> State {
        self.state
    }

    /// Counts the queued messages that were sent since the last call.
    pub fn done(&mut self) -> u64 {
        std::mem::take(&mut self.done)
    }

    /// Why the state is what it is.
    pub fn failure(&mut self) -> Option<Error> {
        self.failure.take()
    }

    /// Sends a message whose payload `write` puts at the end of what it is given; or queues it, with duplicates of its
    /// descriptors. An error is about this message only, which then was not sent. `now`: not to wait for others.
    ///
    /// Returns true if the message was sent and there is nothing else to report. Otherwise [`Outbox::done`] counts it later.
    pub fn send<E>(
        &mut self,
        socket: BorrowedFd<'_>,
        descriptors: &[RawFd],
        now: bool,
        write: impl FnOnce(&mut Vec<u8>) -> std::result::Result<(), E>,
    ) -> std::result::Result<Result<bool>, E> {
        if self.state == State::Broken {
            return Ok(Err(Error { syscall: "sendmsg", errno: Errno::EPIPE, path: None }));
        }
        // Don't look at the frames: after a failure there may be none left, but the caller must learn of it first.
        let is_idle = self.state == State::Sent;
        let was_idle = is_idle && self.done == 0;
        let mark = self.bytes.len();
        let carriers = descriptors.len().saturating_sub(1) / MAX_FDS;
        if let Err(errno) = memory::reserve(&mut self.bytes, (carriers + 1) * HEADER) {
            return Ok(Err(errno).during("sendmsg"));
        }
        for _ in 0..carriers {
            let carrier = Header { is_carrier: true, is_ahead: true, ..Header::default() };
            self.bytes.extend_from_slice(&carrier.encode());
        }
        let frame = self.bytes.len();
        self.bytes.extend_from_slice(&[0; HEADER]);
        if let Err(error) = write(&mut self.bytes) {
            self.bytes.truncate(mark);
            return Err(error);
        }
        let length = self.bytes.len() - frame;
        let Ok(payload) = u32::try_from(length - HEADER) else {
            self.bytes.truncate(mark);
            return Ok(Err(Error { syscall: "sendmsg", errno: Errno::EMSGSIZE, path: None }));
        };
        let header = Header { length: payload, handles: descriptors.len() as u32, ..Header::default() };
        self.bytes[frame..frame + HEADER].copy_from_slice(&header.encode());
        let is_big = descriptors.len() >= BIG_DESCRIPTORS || length >= BIG_BYTES;
        let result = if carriers == 0 && (now || is_big) && is_idle {
            self.send_alone(socket, descriptors)
        } else {
            self.queue(descriptors, carriers, length).map(|()| self.state)
        };
        if result.is_err() {
            self.bytes.truncate(mark);
        }
        Ok(result.map(|state| {
            let is_told = self.go_on(socket, state, now) == State::Sent && was_idle;
            if is_told {
                self.done = 0;
            }
            is_told
        }))
    }

    /// Sends what is queued, if that is enough, or is not to wait.
    fn go_on(&mut self, socket: BorrowedFd<'_>, state: State, now: bool) -> State {
        let bytes = self.bytes.len() - self.start;
        let is_full = self.descriptors.len() >= DESCRIPTORS || bytes >= BYTES;
        // The kernel tells when its queue is three quarters empty; there may be room long before.
        let may_fit = bytes >= self.refused + BYTES;
        match state {
            State::Queued if now || is_full => self.flush(socket),
            State::Blocked if may_fit => self.flush(socket),
            state => state,
        }
    }

    /// The first and only message.
    fn send_alone(&mut self, socket: BorrowedFd<'_>, descriptors: &[RawFd]) -> Result<State> {
        let length = self.bytes.len() - self.start;
        self.state = match self.transmit(socket, length, descriptors) {
            Ok(sent) => {
                self.start += sent;
                if sent == length {
                    self.done += 1;
                    self.reset();
                    return Ok(State::Sent);
                }
                self.under_way = length - sent;
                self.frames.push_back(Frame { length: length - sent, descriptors: 0, is_message: true });
                State::Queued
            }
            Err(Refusal::NoRoom) => {
                self.queue(descriptors, 0, length)?;
                self.refused = length;
                State::Blocked
            }
            Err(Refusal::Crowd) => {
                self.queue(descriptors, 0, length)?;
                State::Crowded
            }
            Err(Refusal::Error(errno)) => return Err(errno).during("sendmsg"),
        };
        Ok(self.state)
    }

    /// What was put at the end of `bytes` stays there.
    fn queue(&mut self, descriptors: &[RawFd], carriers: usize, length: usize) -> Result<()> {
        let before = self.descriptors.len();
        for &fd in descriptors {
            match crate::descriptor::fd::duplicate_among_many(fd) {
                Ok(duplicate) => self.descriptors.push_back(duplicate),
                Err(error) => {
                    self.descriptors.truncate(before);
                    return Err(error);
                }
            }
        }
        for _ in 0..carriers {
            self.frames.push_back(Frame { length: HEADER, descriptors: MAX_FDS, is_message: false });
        }
        let descriptors = descriptors.len() - carriers * MAX_FDS;
        self.frames.push_back(Frame { length, descriptors, is_message: true });
        if self.state == State::Sent {
            self.state = State::Queued;
        }
        Ok(())
    }

    /// Sends what there is room for. Does nothing until the caller has taken the last failure: it belongs to the message after
    /// those that [`Outbox::done`] counts.
    pub fn flush(&mut self, socket: BorrowedFd<'_>) -> State {
        if self.state != State::Broken && self.failure.is_none() {
            self.state = self.send_queue(socket);
        }
        self.state
    }

    fn send_queue(&mut self, socket: BorrowedFd<'_>) -> State {
        let mut alone = false;
        while !self.frames.is_empty() {
            let (length, descriptors, frames) = match self.under_way {
                0 => self.gather(alone),
                length => (length, Vec::new(), 0),
            };
            match self.transmit(socket, length, &descriptors) {
                Ok(sent) => {
                    sys::fd::close_all(self.descriptors.drain(..descriptors.len()));
                    self.under_way = length;
                    self.advance(sent);
                    alone = false;
                }
                Err(Refusal::NoRoom) => {
                    self.refused = self.bytes.len() - self.start;
                    return State::Blocked;
                }
                Err(Refusal::Crowd) => return State::Crowded,
                // Whose fault it is, shows when each is sent alone.
                Err(Refusal::Error(errno)) if frames > 1 && !is_broken(errno) => alone = true,
                Err(Refusal::Error(errno)) => return self.fail(errno),
            }
        }
        self.reset();
        State::Sent
    }

    /// Frames that go together: their length, descriptors and number.
    fn gather(&mut self, alone: bool) -> (usize, Vec<RawFd>, usize) {
        let (mut length, mut descriptors, mut count) = (0, 0, 0);
        for frame in &self.frames {
            let fits = descriptors + frame.descriptors <= DESCRIPTORS && length + frame.length <= BYTES;
            if count > 0 && (alone || !fits) {
                break;
            }
            length += frame.length;
            descriptors += frame.descriptors;
            count += 1;
        }
        let mut at = self.start;
        let mut later = descriptors;
        for frame in self.frames.iter().take(count) {
            later -= frame.descriptors;
            // Those of a carrier are always a later message's.
            Header::set_ahead(&mut self.bytes[at..at + HEADER], later > 0 || !frame.is_message);
            at += frame.length;
        }
        let numbers = self.descriptors.iter().take(descriptors).map(AsRawFd::as_raw_fd).collect();
        (length, numbers, count)
    }

    /// One sendmsg of bytes at the front.
    fn transmit(
        &self,
        socket: BorrowedFd<'_>,
        length: usize,
        descriptors: &[RawFd],
    ) -> std::result::Result<usize, Refusal> {
        let data = &self.bytes[self.start..self.start + length];
        let mut tries = 2;
        loop {
            match sys::socket::send(socket, data, descriptors) {
                Ok(sent) => return Ok(sent),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Err(Refusal::NoRoom),
                // Those of a message that is sent by half. Others' are not to break it.
                Err(Errno::ETOOMANYREFS) if self.is_carried => return Err(Refusal::Crowd),
                // It is one's own to wait for, as long as there is any; the last may have been received just now.
                Err(Errno::ETOOMANYREFS) if sys::socket::unreceived(socket).is_ok_and(|bytes| bytes > 0) => {
                    return Err(Refusal::Crowd);
                }
                Err(Errno::ETOOMANYREFS) if tries > 1 => tries -= 1,
                Err(errno) => return Err(Refusal::Error(errno)),
            }
        }
    }

    /// So many bytes have been sent.
    fn advance(&mut self, mut sent: usize) {
        self.start += sent;
        self.under_way -= sent;
        while let Some(frame) = self.frames.front_mut() {
            // What went with the first byte is gone.
            if sent < frame.length {
                frame.length -= sent;
                break;
            }
            sent -= frame.length;
            self.is_carried = !frame.is_message;
            self.done += u64::from(frame.is_message);
            self.frames.pop_front();
        }
        if self.start > SLACK && self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }

    /// The message at the front can't be sent; nor can others, if it is by half.
    fn fail(&mut self, errno: Errno) -> State {
        self.failure = Some(Error { syscall: "sendmsg", errno, path: None });
        if is_broken(errno) || self.under_way > 0 || self.is_carried {
            self.frames.clear();
            self.descriptors.clear();
            self.reset();
            return State::Broken;
        }
        while let Some(frame) = self.frames.pop_front() {
            self.start += frame.length;
            self.descriptors.drain(..frame.descriptors);
            if frame.is_message {
                break;
            }
        }
        State::Failed
    }

    /// All is gone.
    fn reset(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(SLACK);
        self.start = 0;
        self.under_way = 0;
    }
}

/// Whether the other end is gone, or there is none.
fn is_broken(errno: Errno) -> bool {
    matches!(errno, Errno::EPIPE | Errno::ECONNRESET | Errno::ENOTCONN)
}
