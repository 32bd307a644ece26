//! From the bytes of a stream, and the descriptors that come with them, to messages. Pure: what is a descriptor is the
//! caller's to say.

use std::collections::VecDeque;

use super::frame::{HEADER, Header};
use crate::sys::socket::MAX_FDS;

/// What a message may be at most.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub length: u32,
    pub handles: u32,
}

/// Where in the buffer a message's payload is, and how many descriptors are its.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    pub start: usize,
    pub length: u32,
    pub handles: u32,
}

/// What a peer has done wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A message longer than the limit.
    TooLong,
    /// More descriptors than the limit.
    TooManyHandles,
    /// A message whose descriptors have not come.
    HandlesMissing,
    /// Descriptors that are no message's.
    HandlesSurplus,
    /// An end within a message.
    Cut,
    /// A carrier that is a message.
    Invalid,
    /// Not the peer's: descriptors that this process had no room for.
    HandlesLost,
}

/// What has arrived, `D` being a descriptor.
pub struct Decoder<D> {
    limits: Limits,
    /// From the first message on that was not taken.
    pub buffer: Vec<u8>,
    /// Up to where it was decoded.
    decoded: usize,
    messages: Vec<Message>,
    descriptors: VecDeque<D>,
    /// How many of them are those of `messages`.
    claimed: usize,
    /// Whether the last frame had others come along.
    is_ahead: bool,
}

impl<D> Decoder<D> {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            buffer: Vec::new(),
            decoded: 0,
            messages: Vec::new(),
            descriptors: VecDeque::new(),
            claimed: 0,
            is_ahead: false,
        }
    }

    /// How many messages are there to be taken.
    pub fn ready(&self) -> usize {
        self.messages.len()
    }

    /// Decodes what was put at the end of `buffer`, with what came along.
    pub fn decode(&mut self, descriptors: impl IntoIterator<Item = D>) -> Result<(), Fault> {
        self.descriptors.extend(descriptors);
        while let Some(&bytes) = self.buffer[self.decoded..].first_chunk::<HEADER>() {
            let header = Header::decode(bytes);
            if header.length > self.limits.length {
                return Err(Fault::TooLong);
            }
            if header.handles > self.limits.handles {
                return Err(Fault::TooManyHandles);
            }
            if header.is_carrier && (header.length, header.handles) != (0, 0) {
                return Err(Fault::Invalid);
            }
            let start = self.decoded + HEADER;
            let end = start + header.length as usize;
            if end > self.buffer.len() {
                break;
            }
            if !header.is_carrier {
                self.claimed += header.handles as usize;
                if self.claimed > self.descriptors.len() {
                    self.claimed -= header.handles as usize;
                    return Err(Fault::HandlesMissing);
                }
                self.messages.push(Message { start, length: header.length, handles: header.handles });
            }
            self.decoded = end;
            self.is_ahead = header.is_ahead;
        }
        let unclaimed = self.descriptors.len() - self.claimed;
        if unclaimed > self.limits.handles as usize + MAX_FDS {
            return Err(Fault::TooManyHandles);
        }
        if unclaimed > 0 && self.decoded == self.buffer.len() && !self.is_ahead {
            return Err(Fault::HandlesSurplus);
        }
        Ok(())
    }

    /// The stream has come to its end.
    pub fn end(&self) -> Result<(), Fault> {
        if self.decoded < self.buffer.len() {
            return Err(Fault::Cut);
        }
        if self.descriptors.len() > self.claimed {
            return Err(Fault::HandlesSurplus);
        }
        Ok(())
    }

    /// Takes the messages that are complete, which stand in `buffer` until that is settled, and their descriptors.
    pub fn take(&mut self) -> (Vec<Message>, Vec<D>) {
        let claimed = self.descriptors.drain(..self.claimed).collect();
        self.claimed = 0;
        (std::mem::take(&mut self.messages), claimed)
    }

    /// Lets go of the bytes of what was taken.
    pub fn settle(&mut self) {
        self.buffer.drain(..self.decoded);
        self.decoded = 0;
    }

    /// Lets go of descriptors that are nobody's, after a fault.
    pub fn reject(&mut self) {
        self.descriptors.truncate(self.claimed);
    }
}
