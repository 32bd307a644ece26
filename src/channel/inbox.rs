//! The receiving half of a channel: receives into a shared buffer, and decodes.

use std::mem;
use std::os::fd::{BorrowedFd, OwnedFd};

use nix::errno::Errno;

use super::decoder::{Decoder, Fault, Limits, Message};
use crate::descriptor::fd;
use crate::error::{During, Result};
use crate::sys;
use crate::sys::memory;

/// Stop receiving at one of these limits, so that a busy channel can't starve the others.
const RECEIVE_BYTES: usize = 256 * 1024;
const RECEIVE_MESSAGES: usize = 8192;
/// Also keeps the descriptor table of this process from growing (see `BUNDLE_DESCRIPTORS`) or filling up: the last
/// recvmsg(2) can bring 253 descriptors more.
const RECEIVE_DESCRIPTORS: usize = 100;

/// At most this much of an incomplete message is copied aside, so that an idle channel keeps no buffer. For a longer
/// part, the channel keeps the buffer.
const SET_ASIDE_BYTES: usize = 16 * 1024;

/// The end of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Closed,
    Fault(Fault),
}

/// Received messages. The inbox holds their bytes until `settle`.
pub struct Batch {
    pub messages: Vec<Message>,
    pub descriptors: Vec<OwnedFd>,
    /// True if receiving stopped at the limit of descriptors. There may be more messages.
    pub is_cut: bool,
    pub end: Option<End>,
}

/// The receiving half of a channel.
pub struct Inbox {
    decoder: Decoder<Arrived>,
}

/// A received descriptor that the caller has not taken yet. Dropping it closes the descriptor without lingering.
struct Arrived(Option<OwnedFd>);

impl Drop for Arrived {
    fn drop(&mut self) {
        if let Some(descriptor) = self.0.take() {
            fd::discard(descriptor);
        }
    }
}

impl Inbox {
    pub fn new(limits: Limits) -> Self {
        Self { decoder: Decoder::new(limits) }
    }

    /// Returns the bytes that hold the messages of a batch.
    pub fn bytes(&self) -> &[u8] {
        &self.decoder.buffer
    }

    /// Receives messages, up to a limit. The inbox keeps `buffer` until `settle`.
    pub fn receive(&mut self, socket: BorrowedFd<'_>, buffer: &mut Vec<u8>) -> Result<Batch> {
        if self.decoder.buffer.len() <= SET_ASIDE_BYTES {
            buffer.clear();
            buffer.append(&mut self.decoder.buffer);
            mem::swap(buffer, &mut self.decoder.buffer);
        }
        let end = match self.fill(socket) {
            // Deliver the complete messages first. The next call reports the error again.
            Err(_) if self.decoder.ready() > 0 => None,
            result => result.during("recvmsg")?,
        };
        if let Some(End::Fault(_)) = end {
            self.decoder.reject();
        }
        let (messages, arrived) = self.decoder.take();
        let descriptors: Vec<_> = arrived.into_iter().filter_map(|mut arrived| arrived.0.take()).collect();
        let is_cut = descriptors.len() >= RECEIVE_DESCRIPTORS;
        Ok(Batch { messages, descriptors, is_cut, end })
    }

    /// Removes the bytes of a batch, and gives the buffer back.
    pub fn settle(&mut self, buffer: &mut Vec<u8>) {
        self.decoder.settle();
        if self.decoder.buffer.len() <= SET_ASIDE_BYTES {
            let rest = self.decoder.buffer.to_vec();
            *buffer = mem::replace(&mut self.decoder.buffer, rest);
            buffer.shrink_to(2 * RECEIVE_BYTES);
        }
    }

    /// Receives and decodes up to a limit. Returns the end of the stream if it is reached.
    fn fill(&mut self, socket: BorrowedFd<'_>) -> nix::Result<Option<End>> {
        let (mut bytes, mut descriptors) = (0, 0);
        while bytes < RECEIVE_BYTES
            && descriptors < RECEIVE_DESCRIPTORS
            && self.decoder.ready() < RECEIVE_MESSAGES
        {
            let room = RECEIVE_BYTES - bytes;
            memory::reserve(&mut self.decoder.buffer, room)?;
            let (length, ancillary) = match sys::socket::receive(socket, &mut self.decoder.buffer, room) {
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN) => break,
                // The peer closed its socket without reading all messages. All data that it had sent is received.
                Err(Errno::ECONNRESET) => return Ok(Some(self.end())),
                result => result?,
            };
            if length == 0 {
                return Ok(Some(self.end()));
            }
            let count = ancillary.descriptors.len();
            let arrived: Vec<_> = ancillary.descriptors.into_iter().map(|fd| Arrived(Some(fd))).collect();
            if ancillary.descriptors_cut {
                return Ok(Some(End::Fault(Fault::HandlesLost)));
            }
            if let Err(fault) = self.decoder.decode(arrived) {
                return Ok(Some(End::Fault(fault)));
            }
            if length < room && count == 0 {
                break;
            }
            bytes += length;
            descriptors += count;
        }
        Ok(None)
    }

    /// Returns the end of a stream that ends here.
    fn end(&self) -> End {
        self.decoder.end().map_or_else(End::Fault, |()| End::Closed)
    }
}
