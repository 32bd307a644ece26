//! The receiving half of a channel.

use std::mem;
use std::os::fd::{BorrowedFd, OwnedFd};

use nix::errno::Errno;

use super::decoder::{Decoder, Fault, Limits, Message};
use crate::descriptor::fd;
use crate::error::{During, Result};
use crate::sys;
use crate::sys::memory;

/// How much is received at once, for others to have their turn; and of descriptors, for the table of this process not
/// to have to grow (as in the outbox), nor to be full: the last recvmsg may bring 253.
const BYTES: usize = 256 * 1024;
const DESCRIPTORS: usize = 100;
const MESSAGES: usize = 8192;

/// So much of a message that is not complete is put aside, so that a channel at rest has no buffer; if there is more,
/// it keeps the buffer.
const SMALL: usize = 16 * 1024;

/// How a stream has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Closed,
    Fault(Fault),
}

/// What was received. The messages stand in the inbox's bytes until it is settled.
pub struct Batch {
    pub messages: Vec<Message>,
    pub descriptors: Vec<OwnedFd>,
    /// Whether so many descriptors were enough, and there may be more.
    pub is_cut: bool,
    pub end: Option<End>,
}

pub struct Inbox {
    decoder: Decoder<Arrived>,
}

/// A descriptor that nobody has been given yet.
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

    /// What the messages of a batch stand in.
    pub fn bytes(&self) -> &[u8] {
        &self.decoder.buffer
    }

    /// Receives what there is, up to a limit, into `buffer`, which is lent until this is settled.
    pub fn receive(&mut self, socket: BorrowedFd<'_>, buffer: &mut Vec<u8>) -> Result<Batch> {
        if self.decoder.buffer.len() <= SMALL {
            buffer.clear();
            buffer.append(&mut self.decoder.buffer);
            mem::swap(buffer, &mut self.decoder.buffer);
        }
        let end = match self.fill(socket) {
            // It will be told again.
            Err(_) if self.decoder.ready() > 0 => None,
            result => result.during("recvmsg")?,
        };
        if let Some(End::Fault(_)) = end {
            self.decoder.reject();
        }
        let (messages, arrived) = self.decoder.take();
        let descriptors: Vec<_> = arrived.into_iter().filter_map(|mut one| one.0.take()).collect();
        let is_cut = descriptors.len() >= DESCRIPTORS;
        Ok(Batch { messages, descriptors, is_cut, end })
    }

    /// Lets go of the bytes of a batch, and gives the buffer back.
    pub fn settle(&mut self, buffer: &mut Vec<u8>) {
        self.decoder.settle();
        if self.decoder.buffer.len() <= SMALL {
            let rest = self.decoder.buffer.to_vec();
            *buffer = mem::replace(&mut self.decoder.buffer, rest);
            buffer.shrink_to(2 * BYTES);
        }
    }

    fn fill(&mut self, socket: BorrowedFd<'_>) -> nix::Result<Option<End>> {
        let (mut bytes, mut descriptors) = (0, 0);
        while bytes < BYTES && descriptors < DESCRIPTORS && self.decoder.ready() < MESSAGES {
            let room = BYTES - bytes;
            memory::reserve(&mut self.decoder.buffer, room)?;
            let (length, ancillary) = match sys::socket::receive(socket, &mut self.decoder.buffer, room) {
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN) => break,
                // What the peer has not read went with it; what it had sent has been received.
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

    fn end(&self) -> End {
        self.decoder.end().map_or_else(End::Fault, |()| End::Closed)
    }
}
