//! Decodes the bytes of a stream, and the descriptors that arrive with them, into messages. Pure: the caller chooses
//! the type of a descriptor.

use std::collections::VecDeque;

use super::frame::{HEADER, Header};
use crate::sys::socket::MAX_FDS;

/// The limits of one message.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Length of the payload in bytes.
    pub length: u32,
    pub handles: u32,
}

/// A message in the buffer: the position of its payload, and the number of its descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    pub start: usize,
    pub length: u32,
    pub handles: u32,
}

/// A violation of the wire format by the peer, except for `HandlesLost`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A message longer than the limit.
    TooLong,
    /// More descriptors than the limit.
    TooManyHandles,
    /// A message without all of its descriptors.
    HandlesMissing,
    /// Descriptors that belong to no message.
    HandlesSurplus,
    /// An end of the stream within a message.
    Cut,
    /// A carrier with a length or descriptors of its own.
    Invalid,
    /// Descriptors that the kernel closed, because this process has too many open descriptors.
    HandlesLost,
}

/// The state of a stream. `D` is a descriptor.
pub struct Decoder<D> {
    limits: Limits,
    /// Bytes from the first message on that was not taken.
    pub buffer: Vec<u8>,
    /// Length of the decoded part of `buffer`.
    decoded: usize,
    messages: Vec<Message>,
    descriptors: VecDeque<D>,
    /// Number of descriptors that belong to `messages`.
    claimed: usize,
    /// True if the last frame has the flag *ahead*.
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

    /// Returns the number of complete messages.
    pub fn ready(&self) -> usize {
        self.messages.len()
    }

    /// Decodes the bytes that the caller has appended to `buffer`. `descriptors` arrived with these bytes.
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

    /// Checks that the stream may end here.
    pub fn end(&self) -> Result<(), Fault> {
        if self.decoded < self.buffer.len() {
            return Err(Fault::Cut);
        }
        if self.descriptors.len() > self.claimed {
            return Err(Fault::HandlesSurplus);
        }
        Ok(())
    }

    /// Takes the complete messages and their descriptors. The bytes of the messages stay in `buffer` until `settle`.
    pub fn take(&mut self) -> (Vec<Message>, Vec<D>) {
        let claimed = self.descriptors.drain(..self.claimed).collect();
        self.claimed = 0;
        (std::mem::take(&mut self.messages), claimed)
    }

    /// Removes the bytes of the taken messages.
    pub fn settle(&mut self) {
        self.buffer.drain(..self.decoded);
        self.decoded = 0;
    }

    /// Drops the descriptors that belong to no complete message, after a fault.
    pub fn reject(&mut self) {
        self.descriptors.truncate(self.claimed);
    }
}
