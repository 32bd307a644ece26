//! The decoder on bytes that follow no rule.

use std::cell::RefCell;
use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::decoder::{Decoder, Limits, Message};
use super::super::frame::HEADER;
use super::cases;
use crate::sys::socket::MAX_FDS;

/// The numbers of dropped descriptors.
type Dropped = Rc<RefCell<Vec<u32>>>;

/// A descriptor that records its drop.
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

/// Bytes and descriptors that arrive together. If `is_taken`, complete messages are taken afterwards.
#[derive(Debug, Clone)]
struct Arrival {
    bytes: Vec<u8>,
    descriptors: usize,
    is_taken: bool,
}

/// Generates bytes that pass as a header more often than random bytes.
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

    /// Any input: no panic, no allocation by an announced length, and each descriptor is dropped once.
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
            // A growing vector at least doubles its capacity, and has a minimum capacity.
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
        // Taken descriptors are in order, and none of them was dropped before.
        prop_assert!(taken.iter().map(|one| one.number).eq(0..taken.len() as u32));
        prop_assert!(dropped.borrow().iter().all(|&number| number as usize >= taken.len()));
        drop(decoder);
        drop(taken);
        let mut dropped = dropped.take();
        dropped.sort_unstable();
        prop_assert!(dropped.into_iter().eq(0..total));
    }
}
