//! The parser and the sender against what a generator comes up with. What has failed once, shrunk, is kept in
//! proptest-regressions/channel/properties.txt, and tried first from then on; what people have come up with is in `CORPUS`.
//! `PROPTEST_CASES=100000 cargo test properties` takes longer, and looks further.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::rc::Rc;

use nix::errno::Errno;
use nix::sys::socket::{self, Shutdown, SockType, sockopt};
use nix::sys::stat;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::decoder::{Decoder, Fault, Limits, Message};
use super::frame::{HEADER, Header};
use super::inbox::{Batch, End, Inbox};
use super::outbox::{Outbox, State};
use crate::descriptor::fd;
use crate::socket::ancillary;
use crate::sys;
use crate::sys::socket::MAX_FDS;

/// So many cases each, unless the environment says otherwise.
fn cases(count: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { count };
    ProptestConfig { cases, max_shrink_iters: 10_000, ..default }
}

// ── What nobody has promised anything about ──

/// Where descriptors that were dropped are written down.
type Dropped = Rc<RefCell<Vec<u32>>>;

/// A descriptor that tells of its end.
#[derive(Debug)]
struct Counted {
    number: u32,
    dropped: Dropped,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.dropped.borrow_mut().push(self.number);
    }
}

/// What arrives at once, and what is done with what is complete.
#[derive(Debug, Clone)]
struct Arrival {
    bytes: Vec<u8>,
    descriptors: usize,
    is_taken: bool,
}

/// Bytes that get past the first header more often than by chance.
fn nonsense() -> impl Strategy<Value = Vec<u8>> {
    let header = (0..70_u32, prop_oneof![4 => 0..4_u32, 1 => any::<u32>()], 0..4_u32).prop_map(
        |(length, handles, flags)| [length.to_le_bytes(), (handles | flags << 30).to_le_bytes()].concat(),
    );
    prop_oneof![
        3 => vec(any::<u8>(), 0..80),
        2 => vec(0..3_u8, 0..80),
        4 => (header, vec(any::<u8>(), 0..70)).prop_map(|(header, payload)| [header, payload].concat()),
    ]
}

fn arrival() -> impl Strategy<Value = Arrival> {
    let descriptors = prop_oneof![4 => Just(0), 4 => 0..4_usize, 1 => 0..=MAX_FDS];
    (nonsense(), descriptors, any::<bool>()).prop_map(|(bytes, descriptors, is_taken)| Arrival {
        bytes,
        descriptors,
        is_taken,
    })
}

proptest! {
    #![proptest_config(cases(512))]

    /// Whatever arrives: no panic, no memory on a peer's word, and each descriptor is somebody's until it is dropped, once.
    #[test]
    fn anything_is_parsed_or_refused(
        arrivals in vec(arrival(), 0..24),
        length in prop_oneof![Just(64), Just(u32::MAX)],
        handles in prop_oneof![Just(0), Just(3), Just(1024), Just(u32::MAX)],
    ) {
        let mut decoder = Decoder::new(Limits { length, handles });
        let dropped = Dropped::default();
        let (mut arrived, mut taken, mut total) = (0, Vec::new(), 0);
        for Arrival { bytes, descriptors, is_taken } in arrivals {
            arrived += bytes.len();
            decoder.buffer.extend_from_slice(&bytes);
            let first = total;
            total += descriptors as u32;
            let result = decoder.decode((first..total).map(|number| Counted { number, dropped: dropped.clone() }));
            // A vector doubles what it has, and has no fewer than a few.
            prop_assert!(decoder.buffer.capacity() <= 2 * arrived + 64);
            prop_assert!(decoder.ready() * HEADER <= decoder.buffer.len());
            if result.is_err() {
                decoder.reject();
            }
            if is_taken || result.is_err() {
                let (messages, descriptors) = decoder.take();
                let counts = messages.iter().map(|message| message.handles as usize);
                prop_assert_eq!(counts.sum::<usize>(), descriptors.len());
                for Message { start, length, .. } in messages {
                    prop_assert!(start + length as usize <= decoder.buffer.len());
                }
                taken.extend(descriptors);
                decoder.settle();
            }
            if result.is_err() {
                break;
            }
        }
        let _ = decoder.end();
        // In their order, and none that was let go of before.
        prop_assert!(taken.iter().map(|one| one.number).eq(0..taken.len() as u32));
        prop_assert!(dropped.borrow().iter().all(|&number| number as usize >= taken.len()));
        drop(decoder);
        drop(taken);
        let mut dropped = dropped.take();
        dropped.sort_unstable();
        prop_assert!(dropped.into_iter().eq(0..total));
    }
}

// ── What docs/wire-format.md promises ──

/// More than a message's descriptors in any test.
const LIMITS: Limits = Limits { length: 4096, handles: 700 };

/// A message as a peer may send it.
#[derive(Debug, Clone)]
struct Sent {
    payload: Vec<u8>,
    /// With which byte each descriptor comes: of this message; or, if it is early, of anything between the last one before
    /// and this message's end.
    handles: Vec<Index>,
    is_early: bool,
    /// Frames before it that are none.
    carriers: usize,
    /// A flag that there is no need for.
    is_ahead: bool,
}

fn sent() -> impl Strategy<Value = Sent> {
    let count = prop_oneof![4 => 0..4_usize, 1 => 250..260_usize, 1 => 500..=LIMITS.handles as usize];
    let handles = count.prop_flat_map(|count| vec(any::<Index>(), count));
    let length = prop_oneof![1 => Just(0), 4 => 0..40_usize, 1 => 0..=LIMITS.length as usize];
    let payload = length.prop_flat_map(|length| vec(any::<u8>(), length));
    (payload, handles, any::<bool>(), 0..3_usize, any::<bool>()).prop_map(
        |(payload, handles, is_early, carriers, is_ahead)| Sent {
            payload,
            handles,
            is_early,
            carriers,
            is_ahead,
        },
    )
}

/// A stream, and the byte that each descriptor comes with, in their order.
#[derive(Debug, Default)]
struct Wire {
    bytes: Vec<u8>,
    descriptors: Vec<usize>,
    /// Where each frame ends.
    ends: Vec<usize>,
    /// Of each message: where it ends, and how many descriptors are those of it and of all before.
    messages: Vec<(usize, usize)>,
}

impl Wire {
    fn of(sent: &[Sent]) -> Self {
        let mut wire = Self::default();
        for message in sent {
            for _ in 0..message.carriers {
                wire.frame(Header { is_carrier: true, is_ahead: message.is_ahead, ..Header::default() }, &[]);
            }
            let first = wire.bytes.len();
            let (length, handles) = (message.payload.len() as u32, message.handles.len() as u32);
            wire.frame(
                Header { length, handles, is_carrier: false, is_ahead: message.is_ahead },
                &message.payload,
            );
            let before = wire.descriptors.last().copied().unwrap_or(0);
            let first = if message.is_early { before } else { first.max(before) };
            let mut places: Vec<_> =
                message.handles.iter().map(|index| first + index.index(wire.bytes.len() - first)).collect();
            places.sort_unstable();
            wire.descriptors.extend(places);
            wire.messages.push((wire.bytes.len(), wire.descriptors.len()));
        }
        wire.keep_rule_3();
        wire.set_flags();
        wire
    }

    fn frame(&mut self, header: Header, payload: &[u8]) {
        self.bytes.extend(header.encode());
        self.bytes.extend(payload);
        self.ends.push(self.bytes.len());
    }

    /// Has descriptors that would be too many to have arrived come with the last byte of the message before theirs.
    fn keep_rule_3(&mut self) {
        let most = LIMITS.handles as usize;
        for number in most..self.descriptors.len() {
            let missed = self.messages.iter().find(|&&(_, through)| number - through.min(number) < most);
            let (end, _) = missed.expect("its own is one");
            self.descriptors[number] = self.descriptors[number].max(end - 1);
        }
    }

    /// Sets the flag of each frame with which, or before which, one of a later message has come.
    fn set_flags(&mut self) {
        let mut start = 0;
        for &end in &self.ends {
            let announced = self
                .messages
                .iter()
                .take_while(|&&(last, _)| last <= end)
                .last()
                .map_or(0, |&(_, through)| through);
            if self.arrived(end) > announced {
                Header::set_ahead(&mut self.bytes[start..start + HEADER], true);
            }
            start = end;
        }
    }

    /// How many have come with the bytes up to here.
    fn arrived(&self, end: usize) -> usize {
        self.descriptors.partition_point(|&place| place < end)
    }

    /// Another descriptor, with the last byte, which no message announces.
    fn add_descriptor(&mut self) {
        self.descriptors.push(self.bytes.len() - 1);
    }
}

/// A receiver, and all that it was given.
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

    /// All of `wire` up to `end`, cut in pieces. After some of them what is complete is taken.
    fn feed_in_pieces(&mut self, wire: &Wire, end: usize, cuts: &[(Index, bool)]) -> Result<(), Fault> {
        let mut cuts: Vec<_> =
            cuts.iter().map(|(index, is_taken)| (index.index(end + 1), *is_taken)).collect();
        cuts.push((end, true));
        cuts.sort_unstable();
        let mut start = 0;
        for (cut, is_taken) in cuts {
            self.feed(&wire.bytes[start..cut], wire.arrived(cut) - wire.arrived(start))?;
            if is_taken {
                self.take();
            }
            start = cut;
        }
        Ok(())
    }

    /// What was given are the first messages that were sent, with their own descriptors.
    fn has_first(&self, sent: &[Sent], count: usize) -> bool {
        let mut next = 0;
        let handles = sent.iter().take(count).map(|message| {
            next += message.handles.len();
            (next - message.handles.len()..next).collect::<Vec<_>>()
        });
        self.handles.iter().cloned().eq(handles)
            && self.payloads.iter().eq(sent.iter().take(count).map(|message| &message.payload))
    }
}

fn cuts() -> impl Strategy<Value = Vec<(Index, bool)>> {
    vec(any::<(Index, bool)>(), 0..12)
}

/// What a peer may do wrong after what is right.
#[derive(Debug, Clone)]
enum Violation {
    Length(u32),
    Count(u32),
    Carrier { length: u32, handles: u32 },
    Missing { handles: u32, come: Index },
    Surplus,
    Flood,
    Cut { length: usize, arrives: Index },
    EarlyAtEnd,
}

fn violation() -> impl Strategy<Value = Violation> {
    prop_oneof![
        (LIMITS.length + 1..).prop_map(Violation::Length),
        (LIMITS.handles + 1..1 << 30).prop_map(Violation::Count),
        (0..=LIMITS.length, 1..=LIMITS.handles)
            .prop_map(|(length, handles)| Violation::Carrier { length, handles }),
        (1..=LIMITS.length).prop_map(|length| Violation::Carrier { length, handles: 0 }),
        (1..=LIMITS.handles, any::<Index>()).prop_map(|(handles, come)| Violation::Missing { handles, come }),
        Just(Violation::Surplus),
        Just(Violation::Flood),
        (0..100_usize, any::<Index>()).prop_map(|(length, arrives)| Violation::Cut { length, arrives }),
        Just(Violation::EarlyAtEnd),
    ]
}

/// Adds it to what was right so far. Returns what is to be said of it, and whether only at the end.
fn violate(wire: &mut Wire, violation: &Violation) -> (Fault, bool) {
    let plain = Header::default();
    let last = |wire: &Wire| wire.bytes.len() - 1;
    match *violation {
        Violation::Length(length) => {
            wire.frame(Header { length, ..plain }, &[]);
            (Fault::TooLong, false)
        }
        Violation::Count(handles) => {
            wire.frame(Header { handles, ..plain }, &[]);
            (Fault::TooManyHandles, false)
        }
        Violation::Carrier { length, handles } => {
            wire.frame(Header { length, handles, is_carrier: true, is_ahead: true }, &[]);
            (Fault::Invalid, false)
        }
        Violation::Missing { handles, come } => {
            wire.frame(Header { handles, ..plain }, &[]);
            let place = last(wire);
            wire.descriptors.extend(std::iter::repeat_n(place, come.index(handles as usize)));
            (Fault::HandlesMissing, false)
        }
        Violation::Surplus => {
            wire.frame(plain, &[]);
            wire.add_descriptor();
            (Fault::HandlesSurplus, false)
        }
        // Half a header: a message that is not complete.
        Violation::Flood => {
            wire.bytes.extend([0; HEADER / 2]);
            (0..=LIMITS.handles as usize + MAX_FDS).for_each(|_| wire.add_descriptor());
            (Fault::TooManyHandles, false)
        }
        Violation::Cut { length, arrives } => {
            let frame =
                [&Header { length: length as u32, ..plain }.encode()[..], &vec![b'1'; length]].concat();
            wire.bytes.extend(&frame[..1 + arrives.index(frame.len() - 1)]);
            (Fault::Cut, true)
        }
        Violation::EarlyAtEnd => {
            wire.frame(Header { is_carrier: true, is_ahead: true, ..plain }, &[]);
            wire.add_descriptor();
            (Fault::HandlesSurplus, true)
        }
    }
}

proptest! {
    #![proptest_config(cases(256))]

    /// However a stream is cut: the same messages, with the same descriptors; and at any place, the end of it is what it is.
    #[test]
    fn what_is_valid_arrives(sent in vec(sent(), 1..8), cuts in cuts(), end in any::<Index>(), is_whole in any::<bool>()) {
        let wire = Wire::of(&sent);
        let end = if is_whole { wire.bytes.len() } else { end.index(wire.bytes.len() + 1) };
        let mut receiver = Receiver::new(LIMITS);
        prop_assert_eq!(receiver.feed_in_pieces(&wire, end, &cuts), Ok(()));
        let complete = wire.messages.iter().take_while(|&&(last, _)| last <= end).count();
        prop_assert!(receiver.has_first(&sent, complete));
        let claimed = if complete == 0 { 0 } else { wire.messages[complete - 1].1 };
        let expected = if end > 0 && !wire.ends.contains(&end) {
            Err(Fault::Cut)
        } else if wire.arrived(end) > claimed {
            Err(Fault::HandlesSurplus)
        } else {
            Ok(())
        };
        prop_assert_eq!(receiver.decoder.end(), expected);
    }

    /// What is wrong is called by its name, and takes nothing from what was right before.
    #[test]
    fn what_is_wrong_is_named(sent in vec(sent(), 0..4), cuts in cuts(), violation in violation()) {
        let mut wire = Wire::of(&sent);
        let (fault, is_at_end) = violate(&mut wire, &violation);
        let mut receiver = Receiver::new(LIMITS);
        let result = receiver.feed_in_pieces(&wire, wire.bytes.len(), &cuts);
        if is_at_end {
            prop_assert_eq!(result, Ok(()));
            prop_assert_eq!(receiver.decoder.end(), Err(fault));
        } else {
            prop_assert_eq!(result, Err(fault));
        }
        receiver.decoder.reject();
        receiver.take();
        // What is in surplus came with a message that is none of these.
        receiver.payloads.truncate(sent.len());
        receiver.handles.truncate(sent.len());
        prop_assert!(receiver.has_first(&sent, sent.len()));
    }
}

// ── The sender, by the kernel, to the receiver ──

/// As many descriptors are on their way at most: this process may have 1,024, by default, and each is here three times.
const ON_THE_WAY: usize = 600;

/// How many pieces are received at once.
const PIECES: usize = 256;

/// So few that a message is sent with duplicates of its own, which are closed as soon as `send` has returned.
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

/// What only this message has.
fn payload_of(number: usize, length: usize) -> impl Iterator<Item = u8> {
    (0..length).map(move |at| (number * 7 + at + at / 251) as u8)
}

/// Which file it is.
fn identity(descriptor: impl AsFd) -> nix::Result<(u64, u64)> {
    stat::fstat(descriptor).map(|stat| (stat.st_dev, stat.st_ino))
}

/// Both ends of a connection, and what is between them.
struct Connection {
    sender: OwnedFd,
    outbox: Outbox,
    receiver: OwnedFd,
    inbox: Inbox,
    buffer: Vec<u8>,
    /// Instead of the inbox, where each piece is at most so long: then it shows if the flags are not what they should be.
    decoder: Decoder<OwnedFd>,
    piece: Option<usize>,
    /// Files to be sent, over and over, in their order; a prime number of them, for no message to have what another has.
    files: Vec<OwnedFd>,
    identities: Vec<(u64, u64)>,
    /// How many descriptors were sent, and how many received.
    sent: usize,
    received: usize,
    /// The messages on their way: number, length, descriptors.
    expected: VecDeque<(usize, usize, usize)>,
    messages: usize,
    /// How many wait to be sent, and the state that was told last: what lib/channel.js makes of it.
    waiting: usize,
    state: State,
}

impl Connection {
    fn new(room: usize, piece: Option<usize>) -> Self {
        let limits = Limits { length: 200 * 1024, handles: ON_THE_WAY as u32 };
        let (sender, receiver) = ancillary::pair(SockType::Stream).unwrap();
        socket::setsockopt(&sender, sockopt::SndBuf, &room).unwrap();
        let files: Vec<_> = (0..13).map(|_| sys::fd::memory_file(c"properties").unwrap()).collect();
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
        let Ok(is_told) = self.outbox.send(self.sender.as_fd(), &numbers, now, write);
        let is_told = is_told.unwrap();
        self.messages += 1;
        self.sent += handles;
        self.expected.push_back((number, length, handles));
        if is_told {
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

    /// Receives what there is, and compares.
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

    /// Until all has arrived, and the stream is at its end.
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

    /// How many descriptors of its files this process has open.
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

    /// Whatever is sent, however it is cut on its way: it arrives, in order; and nothing is kept, also not of what is given up.
    #[test]
    fn what_is_sent_arrives(
        steps in vec(step(), 0..40),
        room in room(),
        piece in piece(),
        is_given_up in prop::bool::weighted(0.2),
    ) {
        let mut connection = Connection::new(room, piece);
        for step in steps {
            match step {
                Step::Send { length, handles, now } => connection.send(length, handles, now),
                Step::Flush => connection.flush(),
                Step::Receive => assert_eq!(connection.receive(), None),
            }
        }
        if is_given_up {
            connection = Connection { files: connection.files, identities: connection.identities, ..Connection::new(room, piece) };
        } else {
            connection.finish();
        }
        prop_assert_eq!(connection.open_files(), connection.files.len());
    }
}

// ── What people have come up with ──

/// Bytes, how many descriptors come with the first of them, and what is to be said at their end.
const CORPUS: &[(&[u8], usize, Result<(), Fault>)] = &[
    (b"", 0, Ok(())),
    (b"\x02\0\0\0\0\0\0\0{}", 0, Ok(())),
    (b"\0\0\0\0\0\0\0\0", 0, Ok(())),
    (b"\0\0\0\0\x01\0\0\0", 1, Ok(())),
    // Garbage, and what else comes to a socket by mistake.
    (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 0, Err(Fault::TooLong)),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 0, Err(Fault::TooLong)),
    (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", 0, Err(Fault::TooLong)),
    (b"{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Server\"}\n", 1, Err(Fault::TooLong)),
    // 2^31, 2^32 - 1, and one too many.
    (b"\0\0\0\x80\0\0\0\0", 0, Err(Fault::TooLong)),
    (b"\xff\xff\xff\xff\0\0\0\0", 0, Err(Fault::TooLong)),
    (b"\x01\x10\0\0\0\0\0\0", 0, Err(Fault::TooLong)),
    (b"\0\0\0\0\xff\xff\xff\x3f", 0, Err(Fault::TooManyHandles)),
    (b"\0\0\0\0\xbd\x02\0\0", 0, Err(Fault::TooManyHandles)),
    // Halves.
    (b"\x02", 0, Err(Fault::Cut)),
    (b"\x02\0\0\0", 1, Err(Fault::Cut)),
    (b"\x02\0\0\0\0\0\0\0", 0, Err(Fault::Cut)),
    (b"\x02\0\0\0\0\0\0\0{", 0, Err(Fault::Cut)),
    (b"\0\x10\0\0\0\0\0\0", 0, Err(Fault::Cut)),
    // Fewer, more.
    (b"\0\0\0\0\x01\0\0\0", 0, Err(Fault::HandlesMissing)),
    (b"\0\0\0\0\x02\0\0\0", 1, Err(Fault::HandlesMissing)),
    (b"\0\0\0\0\0\0\0\0", 1, Err(Fault::HandlesSurplus)),
    (b"\0\0\0\0\x01\0\0\0", 2, Err(Fault::HandlesSurplus)),
    (b"\0\0\0\0\x01\0\0\x80", 2, Err(Fault::HandlesSurplus)),
    (b"\x02\0\0\0\0\0\0\0{}", 954, Err(Fault::TooManyHandles)),
    // Carriers: of nothing, without a message, one that is a message, one that does not say so.
    (b"\0\0\0\0\0\0\0\xc0", 0, Ok(())),
    (b"\0\0\0\0\0\0\0\x40", 0, Ok(())),
    (b"\0\0\0\0\0\0\0\xc0", 1, Err(Fault::HandlesSurplus)),
    (b"\0\0\0\0\0\0\0\xc0\0\0\0\0\x01\0\0\0", 1, Ok(())),
    (b"\0\0\0\0\0\0\0\x40", 1, Err(Fault::HandlesSurplus)),
    (b"\0\0\0\0\0\0\0\xc0\0\0\0\0\x02\0\0\0", 1, Err(Fault::HandlesMissing)),
    (b"\x01\0\0\0\0\0\0\xc0x", 0, Err(Fault::Invalid)),
    (b"\0\0\0\0\x01\0\0\xc0", 1, Err(Fault::Invalid)),
];

/// What comes of it, in pieces of some length.
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
    let file = sys::fd::memory_file(c"properties").unwrap();
    // With one sendmsg.
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
        // The end may be told by the next one.
        let end = receive().or_else(receive);
        let expected = expected.map_or_else(End::Fault, |()| End::Closed);
        assert_eq!(end, Some(expected), "{bytes:x?}");
    }
}
