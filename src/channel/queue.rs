//! The queue of a channel's sending half: frames, their bytes and their descriptors. Pure: `D` is a descriptor, and
//! [`Outbox`] makes the system calls.
//!
//! [`Outbox`]: super::outbox::Outbox

use std::collections::VecDeque;
use std::collections::vec_deque::Drain;

use nix::errno::Errno;

use super::frame::{HEADER, Header};
use crate::error::{During, Error};
use crate::sys::memory;
use crate::sys::socket::MAX_FDS;

/// The most bytes that a bundle of several frames has.
pub const BUNDLE_BYTES: usize = 64 * 1024;

/// The most descriptors that a bundle of several frames has. Their duplicates and the runtime's own descriptors fit into
/// the process's first descriptor table, usually of 256 entries. If the process has threads, the kernel takes about 10 ms
/// to enlarge that table.
pub const BUNDLE_DESCRIPTORS: usize = 200;

/// Remove sent bytes from the front once there are more of them than this, and more than unsent bytes.
const COMPACTION_BYTES: usize = 1024 * 1024;

/// A frame, or the unsent rest of a frame.
struct Frame {
    length: usize,
    descriptors: usize,
    is_message: bool,
}

/// A message whose frames are at the end of the bytes. It is not queued yet.
#[derive(Clone, Copy)]
pub struct Draft {
    /// Length of the bytes before the draft.
    mark: usize,
    /// Number of carriers before the message's own frame.
    pub carriers: usize,
    /// Length of the message's own frame.
    pub length: usize,
}

/// Frames at the front that one sendmsg(2) sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bundle {
    pub length: usize,
    pub descriptors: usize,
    /// Number of frames; 0 for the rest of a partly sent bundle.
    pub frames: usize,
}

/// The error of a message that was neither sent nor queued.
#[derive(Debug)]
pub enum SendError<E> {
    /// The caller's function could not write the payload.
    Payload(E),
    /// A system call failed.
    System(Error),
}

impl<E> From<Error> for SendError<E> {
    fn from(error: Error) -> Self {
        Self::System(error)
    }
}

pub struct Queue<D> {
    bytes: Vec<u8>,
    /// Start of the first unsent byte in `bytes`.
    start: usize,
    frames: VecDeque<Frame>,
    /// Unsent descriptors of the frames, in the order of the frames.
    descriptors: VecDeque<D>,
    /// Unsent bytes of a partly sent bundle. The bundle's descriptors went with its first byte.
    under_way: usize,
    /// True if the descriptors of carriers are sent, but not their message.
    is_carried: bool,
}

impl<D> Queue<D> {
    pub fn new() -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            frames: VecDeque::new(),
            descriptors: VecDeque::new(),
            under_way: 0,
            is_carried: false,
        }
    }

    /// Returns the number of unsent bytes.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub fn has_frames(&self) -> bool {
        !self.frames.is_empty()
    }

    /// Returns true if the queue has enough for a whole bundle.
    pub fn fills_bundle(&self) -> bool {
        self.descriptors.len() >= BUNDLE_DESCRIPTORS || self.len() >= BUNDLE_BYTES
    }

    /// Returns true if the kernel has a part of the next message: its first bytes, or descriptors of its carriers.
    pub fn is_partly_sent(&self) -> bool {
        self.under_way > 0 || self.is_carried
    }

    /// Returns true if the kernel has descriptors of the next message's carriers, but not the message.
    pub fn is_carried(&self) -> bool {
        self.is_carried
    }

    /// Returns `length` unsent bytes from the front.
    pub fn front(&self, length: usize) -> &[u8] {
        &self.bytes[self.start..self.start + length]
    }

    /// Returns unsent descriptors from the front.
    pub fn descriptors(&self, count: usize) -> impl Iterator<Item = &D> {
        self.descriptors.iter().take(count)
    }

    /// Removes descriptors from the front.
    pub fn take_descriptors(&mut self, count: usize) -> Drain<'_, D> {
        self.descriptors.drain(..count)
    }

    /// Writes the frames of a message with `handles` descriptors to the end of the bytes. `write` appends the payload.
    /// After an error, the bytes are as before.
    pub fn append<E>(
        &mut self,
        handles: usize,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Draft, SendError<E>> {
        let mark = self.bytes.len();
        let carriers = handles.saturating_sub(1) / MAX_FDS;
        memory::reserve(&mut self.bytes, (carriers + 1) * HEADER).during("sendmsg")?;
        for _ in 0..carriers {
            let carrier = Header { is_carrier: true, is_ahead: true, ..Header::default() };
            self.bytes.extend_from_slice(&carrier.encode());
        }
        let frame = self.bytes.len();
        self.bytes.extend_from_slice(&[0; HEADER]);
        if let Err(error) = write(&mut self.bytes) {
            self.bytes.truncate(mark);
            return Err(SendError::Payload(error));
        }
        let length = self.bytes.len() - frame;
        let Ok(payload) = u32::try_from(length - HEADER) else {
            self.bytes.truncate(mark);
            return Err(Error { syscall: "sendmsg", errno: Errno::EMSGSIZE, path: None }.into());
        };
        let header = Header { length: payload, handles: handles as u32, ..Header::default() };
        self.bytes[frame..frame + HEADER].copy_from_slice(&header.encode());
        Ok(Draft { mark, carriers, length })
    }

    /// Removes a draft.
    pub fn discard(&mut self, draft: Draft) {
        self.bytes.truncate(draft.mark);
    }

    /// Queues a draft with its descriptors. If one of the descriptors is an error, returns it and removes the draft.
    pub fn push<E>(
        &mut self,
        draft: Draft,
        descriptors: impl ExactSizeIterator<Item = Result<D, E>>,
    ) -> Result<(), E> {
        let before = self.descriptors.len();
        let last = descriptors.len() - draft.carriers * MAX_FDS;
        for descriptor in descriptors {
            match descriptor {
                Ok(descriptor) => self.descriptors.push_back(descriptor),
                Err(error) => {
                    self.descriptors.truncate(before);
                    self.discard(draft);
                    return Err(error);
                }
            }
        }
        for _ in 0..draft.carriers {
            self.frames.push_back(Frame { length: HEADER, descriptors: MAX_FDS, is_message: false });
        }
        self.frames.push_back(Frame { length: draft.length, descriptors: last, is_message: true });
        Ok(())
    }

    /// Removes the sent bytes of a draft that was the only message, and queues the rest. The descriptors of the draft
    /// are sent. Returns true if the whole draft is sent.
    pub fn advance_draft(&mut self, draft: Draft, sent: usize) -> bool {
        if sent == draft.length {
            self.reset();
            return true;
        }
        self.start += sent;
        self.under_way = draft.length - sent;
        self.frames.push_back(Frame { length: self.under_way, descriptors: 0, is_message: true });
        false
    }

    /// Returns the next bundle: the rest of a partly sent one, one frame if `is_single`, or as many frames as the
    /// limits allow. Writes the flag *ahead* into the headers of the bundle.
    pub fn next_bundle(&mut self, is_single: bool) -> Bundle {
        if self.under_way > 0 {
            return Bundle { length: self.under_way, descriptors: 0, frames: 0 };
        }
        let mut bundle = Bundle { length: 0, descriptors: 0, frames: 0 };
        for frame in &self.frames {
            let fits = bundle.descriptors + frame.descriptors <= BUNDLE_DESCRIPTORS
                && bundle.length + frame.length <= BUNDLE_BYTES;
            if bundle.frames > 0 && (is_single || !fits) {
                break;
            }
            bundle.length += frame.length;
            bundle.descriptors += frame.descriptors;
            bundle.frames += 1;
        }
        let mut at = self.start;
        let mut later = bundle.descriptors;
        for frame in self.frames.iter().take(bundle.frames) {
            later -= frame.descriptors;
            // The descriptors of a carrier always belong to a later message.
            Header::set_ahead(&mut self.bytes[at..at + HEADER], later > 0 || !frame.is_message);
            at += frame.length;
        }
        bundle
    }

    /// Removes the sent bytes of the bundle at the front, and the frames that are complete by that. The caller must
    /// have taken the descriptors of the bundle. Returns the number of completed messages.
    pub fn advance(&mut self, bundle: Bundle, mut sent: usize) -> u64 {
        let mut messages = 0;
        self.start += sent;
        self.under_way = bundle.length - sent;
        while let Some(frame) = self.frames.front_mut() {
            if sent < frame.length {
                frame.length -= sent;
                break;
            }
            sent -= frame.length;
            self.is_carried = !frame.is_message;
            messages += u64::from(frame.is_message);
            self.frames.pop_front();
        }
        if self.start > COMPACTION_BYTES && self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        messages
    }

    /// Removes the next message, with its carriers and descriptors.
    pub fn drop_message(&mut self) {
        while let Some(frame) = self.frames.pop_front() {
            self.start += frame.length;
            self.descriptors.drain(..frame.descriptors);
            if frame.is_message {
                break;
            }
        }
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        self.frames.clear();
        self.descriptors.clear();
        self.reset();
    }

    /// Removes all bytes, and gives back most of a large buffer.
    fn reset(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(COMPACTION_BYTES);
        self.start = 0;
        self.under_way = 0;
    }
}
