//! The decoder on what docs/wire-format.md promises, and on its violations.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::decoder::Fault;
use super::super::frame::{HEADER, Header};
use super::{LIMITS, Receiver, cases};
use crate::sys::socket::MAX_FDS;

/// A valid message of a peer.
#[derive(Debug, Clone)]
struct Sent {
    payload: Vec<u8>,
    /// The byte that each descriptor arrives with. If `is_early`, it is a byte after the last descriptor before, up to
    /// the end of this message. Otherwise it is a byte of this message.
    handles: Vec<Index>,
    is_early: bool,
    /// Number of carriers before the message.
    carriers: usize,
    /// The flag *ahead*, set without need.
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

/// A stream. `descriptors`: the byte that each descriptor arrives with, in order.
#[derive(Debug, Default)]
struct Wire {
    bytes: Vec<u8>,
    descriptors: Vec<usize>,
    /// The end of each frame.
    ends: Vec<usize>,
    /// For each message: its end, and the number of descriptors up to and including its own.
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

    /// Delays descriptors that would break rule 3: they arrive with the last byte of an earlier message.
    fn keep_rule_3(&mut self) {
        let most = LIMITS.handles as usize;
        for number in most..self.descriptors.len() {
            let missed = self.messages.iter().find(|&&(_, through)| number - through.min(number) < most);
            let (end, _) = missed.expect("its own message is one");
            self.descriptors[number] = self.descriptors[number].max(end - 1);
        }
    }

    /// Sets the flag *ahead* of each frame by whose end a descriptor of a later message has arrived.
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

    /// Returns the number of descriptors that arrive with the bytes before `end`.
    fn arrived(&self, end: usize) -> usize {
        self.descriptors.partition_point(|&place| place < end)
    }

    /// Adds a descriptor that no message announces. It arrives with the last byte.
    fn add_descriptor(&mut self) {
        self.descriptors.push(self.bytes.len() - 1);
    }
}

impl Receiver {
    /// Feeds the bytes of `wire` before `end` in pieces. Takes the complete messages after some of the pieces, and at
    /// the end.
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

    /// Returns true if the received messages are the first `count` messages of `sent`, with their descriptors.
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

/// A violation of the wire format after a valid stream.
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

/// Adds a violation to a valid stream. Returns the expected fault, and true if only the end of the stream reveals it.
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
        // Half a header, so that no message is complete.
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

    /// Any cut of a valid stream gives the same messages with the same descriptors. At any byte, its end gives the
    /// right result.
    #[test]
    fn a_valid_stream_gives_its_messages(
        sent in vec(sent(), 1..8),
        cuts in cuts(),
        end in any::<Index>(),
        is_whole in any::<bool>(),
    ) {
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

    /// A violation is reported as its own fault. All valid messages before the violation arrive.
    #[test]
    fn a_violation_is_reported_as_its_fault(sent in vec(sent(), 0..4), cuts in cuts(), violation in violation()) {
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
        // The violation may have added a message.
        receiver.payloads.truncate(sent.len());
        receiver.handles.truncate(sent.len());
        prop_assert!(receiver.has_first(&sent, sent.len()));
    }
}
