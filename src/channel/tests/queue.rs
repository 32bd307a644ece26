//! The queue alone. Its descriptors are numbers.

use std::convert::Infallible;

use nix::errno::Errno;

use super::super::frame::{HEADER, Header};
use super::super::queue::{BUNDLE_BYTES, BUNDLE_DESCRIPTORS, Bundle, Draft, Queue, SendError};
use crate::sys::socket::MAX_FDS;

fn append(queue: &mut Queue<u32>, length: usize, handles: usize) -> Draft {
    let write = |bytes: &mut Vec<u8>| {
        bytes.resize(bytes.len() + length, b'x');
        Ok::<_, Infallible>(())
    };
    queue.append(handles, write).unwrap()
}

/// Queues a message whose descriptors are numbered from `first` on.
fn push(queue: &mut Queue<u32>, length: usize, first: u32, handles: usize) {
    let draft = append(queue, length, handles);
    queue.push(draft, (0..handles).map(|index| Ok::<_, Infallible>(first + index as u32))).unwrap();
}

/// Takes and advances as if sendmsg(2) had sent `sent` bytes. Returns the descriptors and the number of completed
/// messages.
fn send(queue: &mut Queue<u32>, bundle: Bundle, sent: usize) -> (Vec<u32>, u64) {
    let descriptors = queue.take_descriptors(bundle.descriptors).collect();
    (descriptors, queue.advance(bundle, sent))
}

/// Returns the header `at` bytes after the first unsent one.
fn header(queue: &Queue<u32>, at: usize) -> Header {
    Header::decode(queue.front(at + HEADER)[at..].try_into().unwrap())
}

#[test]
fn a_payload_follows_its_header() {
    let mut queue = Queue::new();
    push(&mut queue, 3, 0, 1);
    assert_eq!(header(&queue, 0), Header { length: 3, handles: 1, ..Header::default() });
    assert_eq!(&queue.front(queue.len())[HEADER..], b"xxx");
}

#[test]
fn a_payload_that_cannot_be_written_leaves_no_bytes() {
    let mut queue = Queue::<u32>::new();
    push(&mut queue, 3, 0, 0);
    let write = |bytes: &mut Vec<u8>| {
        bytes.push(b'x');
        Err(Errno::EIO)
    };
    assert!(matches!(queue.append(300, write), Err(SendError::Payload(Errno::EIO))));
    assert_eq!(queue.len(), HEADER + 3);
}

#[test]
fn a_descriptor_that_cannot_be_queued_removes_the_message() {
    let mut queue = Queue::new();
    push(&mut queue, 3, 0, 1);
    let draft = append(&mut queue, 5, 2);
    assert_eq!(queue.push(draft, [Ok(1), Err(Errno::EMFILE)].into_iter()), Err(Errno::EMFILE));
    push(&mut queue, 4, 2, 1);
    let bundle = queue.next_bundle(false);
    assert_eq!(bundle, Bundle { length: 2 * HEADER + 3 + 4, descriptors: 2, frames: 2 });
    assert_eq!(queue.len(), bundle.length);
    assert_eq!(send(&mut queue, bundle, bundle.length), (vec![0, 2], 2));
}

#[test]
fn messages_go_together_up_to_the_limits() {
    let mut queue = Queue::new();
    for _ in 0..3 {
        push(&mut queue, 1, 0, BUNDLE_DESCRIPTORS / 2);
    }
    assert_eq!(queue.next_bundle(false).frames, 2);
    assert_eq!(queue.next_bundle(true).frames, 1);
    queue.clear();
    for _ in 0..3 {
        push(&mut queue, BUNDLE_BYTES / 2 - HEADER, 0, 0);
    }
    assert_eq!(queue.next_bundle(false).frames, 2);
    queue.clear();
    push(&mut queue, 2 * BUNDLE_BYTES, 0, BUNDLE_DESCRIPTORS + 1);
    assert_eq!(queue.next_bundle(false).frames, 1);
}

#[test]
fn frames_before_the_last_descriptor_have_the_flag_ahead() {
    let mut queue = Queue::new();
    push(&mut queue, 0, 0, 1);
    push(&mut queue, 0, 1, 1);
    push(&mut queue, 0, 2, 0);
    queue.next_bundle(false);
    assert_eq!([0, 1, 2].map(|frame| header(&queue, frame * HEADER).is_ahead), [true, false, false]);
    queue.next_bundle(true);
    assert!(!header(&queue, 0).is_ahead);
}

#[test]
fn the_rest_of_a_partly_sent_bundle_has_no_descriptors() {
    let mut queue = Queue::new();
    push(&mut queue, 10, 0, 1);
    push(&mut queue, 10, 1, 2);
    let bundle = queue.next_bundle(false);
    assert_eq!(send(&mut queue, bundle, HEADER + 10 + 5), (vec![0, 1, 2], 1));
    assert!(queue.is_partly_sent());
    let rest = queue.next_bundle(false);
    assert_eq!(rest, Bundle { length: HEADER + 5, descriptors: 0, frames: 0 });
    assert_eq!(send(&mut queue, rest, rest.length), (vec![], 1));
    assert!(!queue.has_frames() && !queue.is_partly_sent());
}

#[test]
fn the_rest_of_a_partly_sent_draft_is_queued() {
    let mut queue = Queue::new();
    let draft = append(&mut queue, 10, 1);
    assert!(!queue.advance_draft(draft, HEADER));
    let rest = queue.next_bundle(false);
    assert_eq!(rest, Bundle { length: 10, descriptors: 0, frames: 0 });
    assert_eq!(send(&mut queue, rest, rest.length), (vec![], 1));
}

#[test]
fn carriers_go_before_a_message_of_many_descriptors() {
    let mut queue = Queue::new();
    push(&mut queue, 1, 0, 2 * MAX_FDS + 1);
    for first in [0, MAX_FDS as u32] {
        let bundle = queue.next_bundle(false);
        let carrier = Header { is_carrier: true, is_ahead: true, ..Header::default() };
        assert_eq!(header(&queue, 0), carrier);
        assert_eq!(send(&mut queue, bundle, HEADER), ((first..first + MAX_FDS as u32).collect(), 0));
        assert!(queue.is_carried());
    }
    let last = queue.next_bundle(false);
    assert_eq!(header(&queue, 0), Header { length: 1, handles: 2 * MAX_FDS as u32 + 1, ..Header::default() });
    assert_eq!(send(&mut queue, last, last.length), (vec![2 * MAX_FDS as u32], 1));
    assert!(!queue.is_carried());
}

#[test]
fn a_dropped_message_takes_its_carriers_and_descriptors() {
    let mut queue = Queue::new();
    push(&mut queue, 1, 0, MAX_FDS + 1);
    push(&mut queue, 2, 1000, 1);
    queue.drop_message();
    let bundle = queue.next_bundle(false);
    assert_eq!(bundle, Bundle { length: HEADER + 2, descriptors: 1, frames: 1 });
    assert_eq!(send(&mut queue, bundle, bundle.length), (vec![1000], 1));
}

#[test]
fn removing_many_sent_bytes_keeps_the_unsent_ones() {
    let mut queue = Queue::new();
    for length in 0..300 {
        push(&mut queue, 8000 + length, 0, 0);
    }
    for length in 0..300 {
        assert_eq!(header(&queue, 0).length, 8000 + length);
        let bundle = queue.next_bundle(true);
        assert_eq!(send(&mut queue, bundle, bundle.length), (vec![], 1));
    }
    assert_eq!(queue.len(), 0);
}
