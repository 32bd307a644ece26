//! The outbox, through a kernel socket, to the inbox.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{self, Shutdown, SockType, sockopt};
use nix::sys::stat;
use proptest::collection::vec;
use proptest::prelude::*;

use super::super::decoder::{Decoder, Limits, Message};
use super::super::inbox::{Batch, End, Inbox};
use super::super::outbox::{Outbox, State};
use super::cases;
use crate::descriptor::fd;
use crate::socket::ancillary;
use crate::sys;

/// The most descriptors on their way. The default limit of this process is 1,024 open descriptors.
const ON_THE_WAY: usize = 600;

/// The most pieces that one call receives.
const PIECES: usize = 256;

/// A message with at most this many descriptors is sent with duplicates, which are closed once `send` has returned.
const FEW: usize = 40;

#[derive(Debug, Clone)]
enum Step {
    Send { length: usize, handles: usize, now: bool },
    Flush,
    Receive,
}

fn step() -> impl Strategy<Value = Step> {
    let length =
        prop_oneof![1 => Just(0), 6 => 0..300_usize, 2 => 0..=70_000_usize, 1 => 0..=200 * 1024_usize];
    let handles = prop_oneof![4 => Just(0), 4 => 0..4_usize, 1 => 200..300_usize, 1 => 0..=ON_THE_WAY];
    prop_oneof![
        6 => (length, handles, any::<bool>())
            .prop_map(|(length, handles, now)| Step::Send { length, handles, now }),
        1 => Just(Step::Flush),
        2 => Just(Step::Receive),
    ]
}

/// Returns a payload that differs from the payloads of other messages.
fn payload_of(number: usize, length: usize) -> impl Iterator<Item = u8> {
    (0..length).map(move |at| (number * 7 + at + at / 251) as u8)
}

/// Returns the device and inode of a descriptor.
fn identity(descriptor: impl AsFd) -> nix::Result<(u64, u64)> {
    stat::fstat(descriptor).map(|stat| (stat.st_dev, stat.st_ino))
}

/// Both ends of a connection, and the messages between them.
struct Connection {
    sender: OwnedFd,
    outbox: Outbox,
    receiver: OwnedFd,
    inbox: Inbox,
    buffer: Vec<u8>,
    /// Used instead of the inbox if `piece` limits the length of each receive. Short pieces reveal wrong flags.
    decoder: Decoder<OwnedFd>,
    piece: Option<usize>,
    /// Files to send, in order, again and again. Their number is a prime, so that two messages seldom have the same
    /// files.
    files: Vec<OwnedFd>,
    identities: Vec<(u64, u64)>,
    /// Number of descriptors sent, and received.
    sent: usize,
    received: usize,
    /// The messages on their way: number, length, descriptors.
    expected: VecDeque<(usize, usize, usize)>,
    messages: usize,
    /// Number of queued messages, and the last reported state, as lib/channel/ keeps them.
    waiting: usize,
    state: State,
}

impl Connection {
    fn new(room: usize, piece: Option<usize>) -> Self {
        let limits = Limits { length: 200 * 1024, handles: ON_THE_WAY as u32 };
        let (sender, receiver) = ancillary::pair(SockType::Stream).unwrap();
        socket::setsockopt(&sender, sockopt::SndBuf, &room).unwrap();
        let files: Vec<_> = (0..13).map(|_| sys::fd::memory_file(c"procnative").unwrap()).collect();
        let identities = files.iter().map(|file| identity(file).unwrap()).collect();
        Self {
            sender,
            outbox: Outbox::new(),
            receiver,
            inbox: Inbox::new(limits),
            buffer: Vec::new(),
            decoder: Decoder::new(limits),
            piece,
            files,
            identities,
            sent: 0,
            received: 0,
            expected: VecDeque::new(),
            messages: 0,
            waiting: 0,
            state: State::Sent,
        }
    }

    fn send(&mut self, length: usize, handles: usize, now: bool) {
        let handles = handles.min(ON_THE_WAY - (self.sent - self.received));
        let numbers =
            (self.sent..self.sent + handles).map(|number| self.files[number % self.files.len()].as_raw_fd());
        let duplicates: Vec<OwnedFd> = if handles <= FEW {
            numbers.clone().map(|number| sys::fd::duplicate(number, 0).unwrap()).collect()
        } else {
            Vec::new()
        };
        let numbers: Vec<RawFd> = if handles <= FEW {
            duplicates.iter().map(AsRawFd::as_raw_fd).collect()
        } else {
            numbers.collect()
        };
        let number = self.messages;
        let write = |bytes: &mut Vec<u8>| {
            bytes.extend(payload_of(number, length));
            Ok::<_, Infallible>(())
        };
        let is_sent = self.outbox.send(self.sender.as_fd(), &numbers, now, write).unwrap();
        self.messages += 1;
        self.sent += handles;
        self.expected.push_back((number, length, handles));
        if is_sent {
            assert_eq!((self.waiting, self.outbox.state()), (0, State::Sent));
        } else {
            self.waiting += 1;
        }
        self.progress(self.outbox.state());
    }

    fn flush(&mut self) {
        let state = self.outbox.flush(self.sender.as_fd());
        self.progress(state);
    }

    fn progress(&mut self, state: State) {
        assert!(!matches!(state, State::Failed | State::Broken), "{:?}", self.outbox.failure());
        self.state = state;
        let done = self.outbox.done() as usize;
        assert!(done <= self.waiting);
        self.waiting -= done;
        assert_eq!(state == State::Sent, self.waiting == 0);
    }

    /// Receives, and compares with the sent messages.
    fn receive(&mut self) -> Option<End> {
        let Some(piece) = self.piece else {
            let Batch { messages, descriptors, end, .. } = self
                .inbox
                .receive(self.receiver.as_fd(), &mut self.buffer)
                .map_err(|error| error.errno)
                .unwrap();
            let bytes = self.inbox.bytes().to_vec();
            self.compare(&bytes, messages, descriptors);
            self.inbox.settle(&mut self.buffer);
            return end;
        };
        for _ in 0..PIECES {
            self.decoder.buffer.reserve(piece);
            let (length, arrived) =
                match sys::socket::receive(self.receiver.as_fd(), &mut self.decoder.buffer, piece) {
                    Err(Errno::EAGAIN) => return None,
                    result => result.unwrap(),
                };
            if length == 0 {
                return Some(self.decoder.end().map_or_else(End::Fault, |()| End::Closed));
            }
            if let Err(fault) = self.decoder.decode(arrived.descriptors) {
                return Some(End::Fault(fault));
            }
            let (messages, descriptors) = self.decoder.take();
            if !messages.is_empty() {
                let bytes = self.decoder.buffer.clone();
                self.compare(&bytes, messages, descriptors);
                self.decoder.settle();
            }
        }
        None
    }

    fn compare(&mut self, bytes: &[u8], messages: Vec<Message>, descriptors: Vec<OwnedFd>) {
        let mut descriptors = descriptors.into_iter();
        for message in messages {
            let (number, length, handles) = self.expected.pop_front().unwrap();
            assert_eq!((message.length as usize, message.handles as usize), (length, handles), "of {number}");
            let payload = &bytes[message.start..][..length];
            assert!(payload.iter().copied().eq(payload_of(number, length)), "of {number}");
            for descriptor in descriptors.by_ref().take(handles) {
                let expected = self.identities[self.received % self.identities.len()];
                assert_eq!(identity(&descriptor).unwrap(), expected, "of {number}");
                self.received += 1;
            }
        }
        assert_eq!(descriptors.len(), 0);
    }

    /// Sends and receives until all messages have arrived and the stream has ended.
    fn finish(&mut self) {
        while self.state != State::Sent {
            self.flush();
            assert_eq!(self.receive(), None);
        }
        socket::shutdown(self.sender.as_raw_fd(), Shutdown::Write).unwrap();
        let end = loop {
            if let Some(end) = self.receive() {
                break end;
            }
        };
        assert_eq!(end, End::Closed);
        assert_eq!((self.expected.len(), self.received), (0, self.sent));
    }

    /// Counts the open descriptors of the files in this process.
    fn open_files(&self) -> usize {
        let numbers = fd::numbers().unwrap();
        let identities = numbers.into_iter().filter_map(|number| identity(sys::fd::borrow(number)).ok());
        identities.filter(|one| self.identities.contains(one)).count()
    }
}

fn room() -> impl Strategy<Value = usize> {
    prop_oneof![Just(0), 4096..40_000_usize, Just(200_000)]
}

fn piece() -> impl Strategy<Value = Option<usize>> {
    prop_oneof![2 => Just(None), 1 => (1..64_usize).prop_map(Some), 1 => (64..4096_usize).prop_map(Some)]
}

proptest! {
    #![proptest_config(cases(48))]

    /// Sent messages arrive in order, whatever their sizes and pieces. No descriptor leaks, even if the connection is
    /// dropped.
    #[test]
    fn sent_messages_arrive_in_order(
        steps in vec(step(), 0..40),
        room in room(),
        piece in piece(),
        is_dropped in prop::bool::weighted(0.2),
    ) {
        let mut connection = Connection::new(room, piece);
        for step in steps {
            match step {
                Step::Send { length, handles, now } => connection.send(length, handles, now),
                Step::Flush => connection.flush(),
                Step::Receive => assert_eq!(connection.receive(), None),
            }
        }
        if is_dropped {
            let Connection { files, identities, .. } = connection;
            connection = Connection { files, identities, ..Connection::new(room, piece) };
        } else {
            connection.finish();
        }
        prop_assert_eq!(connection.open_files(), connection.files.len());
    }
}
