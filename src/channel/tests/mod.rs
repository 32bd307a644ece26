//! Properties of the decoder and the outbox on generated input, and a corpus of inputs by hand.
//!
//! A case that has failed is kept, shrunk, in proptest-regressions/channel/tests/. Later runs try it first.
//! `PROPTEST_CASES=100000 cargo test channel` tries more cases.

mod anything;
mod end_to_end;
mod queue;
mod wire_format;

use std::os::fd::{AsFd, AsRawFd};

use nix::sys::socket::SockType;
use proptest::prelude::*;

use super::decoder::{Decoder, Fault, Limits, Message};
use super::frame::HEADER;
use super::inbox::{End, Inbox};
use crate::socket::ancillary;
use crate::sys;
use crate::sys::socket::MAX_FDS;

/// Configures `count` cases, unless PROPTEST_CASES sets another number.
fn cases(count: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { count };
    ProptestConfig { cases, max_shrink_iters: 10_000, ..default }
}

/// Limits that no valid message of these tests exceeds.
const LIMITS: Limits = Limits { length: 4096, handles: 700 };

/// A decoder, and all messages that it has decoded.
struct Receiver {
    decoder: Decoder<usize>,
    payloads: Vec<Vec<u8>>,
    handles: Vec<Vec<usize>>,
    next: usize,
}

impl Receiver {
    fn new(limits: Limits) -> Self {
        Self { decoder: Decoder::new(limits), payloads: Vec::new(), handles: Vec::new(), next: 0 }
    }

    fn feed(&mut self, bytes: &[u8], descriptors: usize) -> Result<(), Fault> {
        self.decoder.buffer.extend_from_slice(bytes);
        let first = self.next;
        self.next += descriptors;
        self.decoder.decode(first..self.next)
    }

    fn take(&mut self) {
        let (messages, descriptors) = self.decoder.take();
        let mut descriptors = descriptors.into_iter();
        for Message { start, length, handles } in messages {
            self.payloads.push(self.decoder.buffer[start..][..length as usize].to_vec());
            self.handles.push(descriptors.by_ref().take(handles as usize).collect());
        }
        self.decoder.settle();
    }
}

/// Bytes, the number of descriptors that arrive with the first byte, and the result at the end of the stream.
const CORPUS: &[(&[u8], usize, Result<(), Fault>)] = &[
    (b"", 0, Ok(())),
    (b"\x02\0\0\0\0\0\0\0{}", 0, Ok(())),
    (b"\0\0\0\0\0\0\0\0", 0, Ok(())),
    (b"\0\0\0\0\x01\0\0\0", 1, Ok(())),
    // Garbage, and other protocols.
    (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 0, Err(Fault::TooLong)),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 0, Err(Fault::TooLong)),
    (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", 0, Err(Fault::TooLong)),
    (b"{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Server\"}\n", 1, Err(Fault::TooLong)),
    // Lengths of 2^31, 2^32 - 1, and the limit plus one; counts of 2^30 - 1, and the limit plus one.
    (b"\0\0\0\x80\0\0\0\0", 0, Err(Fault::TooLong)),
    (b"\xff\xff\xff\xff\0\0\0\0", 0, Err(Fault::TooLong)),
    (b"\x01\x10\0\0\0\0\0\0", 0, Err(Fault::TooLong)),
    (b"\0\0\0\0\xff\xff\xff\x3f", 0, Err(Fault::TooManyHandles)),
    (b"\0\0\0\0\xbd\x02\0\0", 0, Err(Fault::TooManyHandles)),
    // Incomplete frames.
    (b"\x02", 0, Err(Fault::Cut)),
    (b"\x02\0\0\0", 1, Err(Fault::Cut)),
    (b"\x02\0\0\0\0\0\0\0", 0, Err(Fault::Cut)),
    (b"\x02\0\0\0\0\0\0\0{", 0, Err(Fault::Cut)),
    (b"\0\x10\0\0\0\0\0\0", 0, Err(Fault::Cut)),
    // Fewer or more descriptors than announced.
    (b"\0\0\0\0\x01\0\0\0", 0, Err(Fault::HandlesMissing)),
    (b"\0\0\0\0\x02\0\0\0", 1, Err(Fault::HandlesMissing)),
    (b"\0\0\0\0\0\0\0\0", 1, Err(Fault::HandlesSurplus)),
    (b"\0\0\0\0\x01\0\0\0", 2, Err(Fault::HandlesSurplus)),
    (b"\0\0\0\0\x01\0\0\x80", 2, Err(Fault::HandlesSurplus)),
    (b"\x02\0\0\0\0\0\0\0{}", 954, Err(Fault::TooManyHandles)),
    // Carriers: without descriptors, without the flag *ahead*, without a message, and with a length or a count.
    (b"\0\0\0\0\0\0\0\xc0", 0, Ok(())),
    (b"\0\0\0\0\0\0\0\x40", 0, Ok(())),
    (b"\0\0\0\0\0\0\0\xc0", 1, Err(Fault::HandlesSurplus)),
    (b"\0\0\0\0\0\0\0\xc0\0\0\0\0\x01\0\0\0", 1, Ok(())),
    (b"\0\0\0\0\0\0\0\x40", 1, Err(Fault::HandlesSurplus)),
    (b"\0\0\0\0\0\0\0\xc0\0\0\0\0\x02\0\0\0", 1, Err(Fault::HandlesMissing)),
    (b"\x01\0\0\0\0\0\0\xc0x", 0, Err(Fault::Invalid)),
    (b"\0\0\0\0\x01\0\0\xc0", 1, Err(Fault::Invalid)),
];

/// Decodes `bytes` in pieces of `length`. Returns the result at the end of the stream.
fn replay(bytes: &[u8], descriptors: usize, length: usize) -> Result<(), Fault> {
    let mut receiver = Receiver::new(LIMITS);
    let mut coming = descriptors;
    for piece in bytes.chunks(length) {
        receiver.feed(piece, std::mem::take(&mut coming))?;
    }
    receiver.decoder.end()
}

#[test]
fn the_corpus_is_parsed_or_refused() {
    for &(bytes, descriptors, expected) in CORPUS {
        for length in [1, 3, HEADER, usize::MAX] {
            assert_eq!(replay(bytes, descriptors, length), expected, "{bytes:x?} by {length}");
        }
    }
}

#[test]
fn the_corpus_is_parsed_or_refused_from_a_socket() {
    let file = sys::fd::memory_file(c"procnative").unwrap();
    // One sendmsg(2) takes no more descriptors.
    for &(bytes, descriptors, expected) in CORPUS.iter().filter(|one| one.1 <= MAX_FDS) {
        let (peer, ours) = ancillary::pair(SockType::Stream).unwrap();
        let sent = ancillary::send(peer.as_fd(), bytes, &vec![file.as_raw_fd(); descriptors]).unwrap();
        assert_eq!(sent, bytes.len());
        drop(peer);
        let mut inbox = Inbox::new(LIMITS);
        let mut buffer = Vec::new();
        let mut receive = || {
            let end = inbox.receive(ours.as_fd(), &mut buffer).unwrap().end;
            inbox.settle(&mut buffer);
            end
        };
        // The second call may be the first to report the end.
        let end = receive().or_else(receive);
        let expected = expected.map_or_else(End::Fault, |()| End::Closed);
        assert_eq!(end, Some(expected), "{bytes:x?}");
    }
}
