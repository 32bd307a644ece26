use std::hash::{BuildHasher, RandomState};
use std::slice;

use napi::bindgen_prelude::{BufferSlice, Either3, Int32Array, Uint32Array};
use napi::{Env, JsString, Result, Unknown, ValueType};
use napi_derive::napi;

use super::bridge::error::{self, OrThrow};
use super::bridge::fast_call::{Arguments, Function};
use super::bridge::worker_descriptors;
use super::reactor;
use crate::channel::{Batch, Channel, End, Fault, Limits, Message, Report, SendError, State};
use crate::descriptor::fd;
use crate::error::During;
use crate::reactor::{Reactor, Token};
use crate::sys;
use crate::sys::memory;

/// Opens a channel on a connected Unix stream socket. Returns the token of the channel. If that fails, the socket is unchanged.
#[napi(catch_unwind)]
pub fn open_channel(env: Env, reactor: u32, fd: i32, max_length: u32, max_handles: u32) -> Result<f64> {
    let limits = Limits { length: max_length, handles: max_handles };
    let opened = reactor::with(reactor, |reactor| {
        let token = reactor.token();
        let channel = Channel::new(sys::fd::adopt(fd), limits);
        reactor.sockets.add_channel(token, channel).map(|()| token)
    });
    let token = opened.or_throw(&env)?;
    worker_descriptors::disown(fd);
    Ok(token as f64)
}

fn with_channel<T>(
    env: &Env,
    reactor: u32,
    token: f64,
    work: impl FnOnce(&mut Channel, &mut Vec<u8>) -> T,
) -> Result<T> {
    reactor::with(reactor, |reactor| reactor.sockets.with_channel(token as Token, work)).or_throw(env)
}

/// Sends or queues a message, with duplicates of its descriptors. Arguments: the reactor, the token, a string or Uint8Array; no
/// descriptor, one, or an Int32Array; whether to send now instead of with later messages. Returns the number of messages settled
/// since the channel was opened. Throws if the message was neither sent nor queued.
pub struct SendMessage;

impl Function for SendMessage {
    const NAME: &'static str = "sendMessage";
    type Output = f64;

    fn call(env: Env, [reactor, token, payload, fds, now]: Arguments<'_>) -> Result<f64> {
        let write = |bytes: &mut Vec<u8>| -> Result<()> {
            if payload.append_to(bytes)? { Ok(()) } else { payload.append_elements_to(bytes) }
        };
        let one;
        let fds = match fds.kind()? {
            ValueType::Undefined => &[],
            ValueType::Number => {
                one = fds.number()?;
                slice::from_ref(&one)
            }
            _ => fds.elements()?,
        };
        let (reactor, token): (u32, f64) = (reactor.number()?, token.number()?);
        let now = now.boolean()?;
        let send = |reactor: &mut Reactor| Ok(reactor.sockets.sender(token as Token)?.send(fds, now, write));
        match reactor::with(reactor, send).or_throw(&env)? {
            Ok(count) => Ok(count as f64),
            Err(SendError::Payload(error)) => Err(error),
            Err(SendError::System(error)) => Err(error).or_throw(&env),
        }
    }
}

/// State of the queue of a channel, see `State` in src/channel/outbox.rs.
#[napi]
pub enum SendState {
    Sent,
    Queued,
    Blocked,
    Crowded,
    Failed,
    Broken,
}

impl From<State> for SendState {
    fn from(state: State) -> Self {
        match state {
            State::Sent => Self::Sent,
            State::Queued => Self::Queued,
            State::Blocked => Self::Blocked,
            State::Crowded => Self::Crowded,
            State::Failed => Self::Failed,
            State::Broken => Self::Broken,
        }
    }
}

/// Result of sending queued messages.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct SendReport<'env> {
    pub state: SendState,
    /// Number of messages settled since the channel was opened, without the one of `failure`.
    pub count: f64,
    /// If `state` is `Failed`: an Error for the message after those of `count`. If `Broken`: an Error for all messages after
    /// those. Reported once.
    pub failure: Option<Unknown<'env>>,
}

fn report(env: &Env, Report { state, count, failure }: Report) -> Result<SendReport<'_>> {
    let failure = failure.map(|failure| error::to_js(env, &failure)).transpose()?;
    Ok(SendReport { state: state.into(), count: count as f64, failure })
}

/// Sends the messages that waited for the end of the turn.
#[napi(catch_unwind)]
pub fn end_turn(env: &Env, reactor: u32, token: f64) -> Result<SendReport<'_>> {
    let ended = with_channel(env, reactor, token, |channel, _| channel.end_turn())?;
    report(env, ended)
}

/// Sends queued messages while there is room.
#[napi(catch_unwind)]
pub fn flush_channel(env: &Env, reactor: u32, token: f64) -> Result<SendReport<'_>> {
    let flushed = with_channel(env, reactor, token, |channel, _| channel.flush())?;
    report(env, flushed)
}

/// Sets whether a turn reports messages to receive.
#[napi(catch_unwind)]
pub fn read_channel(env: Env, reactor: u32, token: f64, yes: bool) -> Result<()> {
    with_channel(&env, reactor, token, |channel, _| channel.read(yes))
}

/// Number of elements in `Incoming.frames` for each message: start, length, number of handles.
#[napi]
pub const FRAME_FIELDS: u32 = 3;

/// Index of the number of handles among these elements.
#[napi]
pub const FRAME_HANDLES: u32 = 2;

/// Received messages, and the end of the stream.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct Incoming<'env> {
    /// Texts: one JSON array, with `between` between two texts. If a text is not UTF-8, or if the array would be too long: one
    /// string for each text, None for a text that is not UTF-8. Bytes: one buffer, with headers between the payloads.
    pub content: Option<Either3<JsString<'env>, Vec<Option<JsString<'env>>>, BufferSlice<'env>>>,
    /// A random number, different for each call, so that the peer can't know it.
    pub between: u32,
    /// For each message: its start and its length in the string or buffer, and its number of handles.
    pub frames: Uint32Array,
    /// The received descriptors. They belong to JavaScript from now on.
    pub fds: Int32Array,
    /// True if the limit of descriptors was reached, so that there may be more messages.
    pub is_cut: bool,
    pub end: Option<StreamEnd>,
}

/// Receives messages, up to a limit. `longestText`: the longest string of the runtime, in UTF-16 units; 0 if messages are
/// bytes.
#[napi(catch_unwind)]
pub fn receive_messages(env: &Env, reactor: u32, token: f64, longest_text: u32) -> Result<Incoming<'_>> {
    let received = with_channel(env, reactor, token, |channel, buffer| {
        let batch = channel.receive(buffer);
        let incoming = batch.map(|batch| incoming(env, channel.bytes(), longest_text as usize, batch));
        channel.settle(buffer);
        incoming
    })?;
    received.or_throw(env)?
}

fn incoming<'env>(env: &'env Env, bytes: &[u8], longest_text: usize, batch: Batch) -> Result<Incoming<'env>> {
    let Batch { mut messages, mut descriptors, mut is_cut, end } = batch;
    let mut end = end.map(StreamEnd::from);
    let payload = |message: &Message| &bytes[message.start..][..message.length as usize];
    let is_text = longest_text > 0;
    if is_text && let Some(at) = messages.iter().position(|one| is_longer(payload(one), longest_text)) {
        messages.truncate(at);
        let claimed = messages.iter().map(|one| one.handles as usize).sum();
        descriptors.split_off(claimed).into_iter().for_each(fd::discard);
        (is_cut, end) = (false, Some(StreamEnd::TextTooLong));
    }
    let between = random_separator();
    let (content, places) = match messages.last() {
        None => (None, Vec::new()),
        Some(_) if is_text => {
            let texts: Vec<_> = messages.iter().map(|one| str::from_utf8(payload(one)).ok()).collect();
            match array_of(&texts, between, longest_text) {
                Some((array, places)) => (Some(Either3::A(env.create_string(array)?)), places),
                None => (Some(Either3::B(one_by_one(env, &texts)?)), vec![(0, 0); messages.len()]),
            }
        }
        Some(last) => {
            let first = messages[0].start;
            let all = &bytes[first..last.start + last.length as usize];
            let places = messages.iter().map(|one| (one.start - first, one.length as usize));
            (Some(Either3::C(buffer_of(env, all)?)), places.collect())
        }
    };
    let numbers =
        messages.iter().zip(places).map(|(one, (start, length))| [start as u32, length as u32, one.handles]);
    let frames = numbers.flatten().collect::<Vec<_>>().into();
    // The last step: if an earlier step fails, `descriptors` closes its descriptors.
    let fds = worker_descriptors::give(env, descriptors)?.into();
    Ok(Incoming { content, between, frames, fds, is_cut, end })
}

/// Returns true if a payload is a text with more UTF-16 units than `longest`. No text has more units than bytes.
fn is_longer(payload: &[u8], longest: usize) -> bool {
    payload.len() > longest && str::from_utf8(payload).is_ok_and(|text| units(text) > longest)
}

/// Makes a string of each text; None if a text is not UTF-8.
fn one_by_one<'env>(env: &'env Env, texts: &[Option<&str>]) -> Result<Vec<Option<JsString<'env>>>> {
    texts.iter().map(|text| text.map(|text| env.create_string(text)).transpose()).collect()
}

/// From this size in bytes on, allocate the memory of a buffer here: V8 ends the process if there is none.
const BIG: usize = 1024 * 1024;

fn buffer_of<'env>(env: &'env Env, bytes: &[u8]) -> Result<BufferSlice<'env>> {
    if bytes.len() < BIG {
        return BufferSlice::copy_from(env, bytes);
    }
    let mut copy = Vec::new();
    memory::reserve(&mut copy, bytes.len()).during("recvmsg").or_throw(env)?;
    copy.extend_from_slice(bytes);
    BufferSlice::from_data(env, copy)
}

/// Returns a random number of nine digits. V8 parses a longer number as a double.
/// 1.15x on messages of 64 B without handles (npm run bench -- handles)
fn random_separator() -> u32 {
    100_000_000 + (RandomState::new().hash_one(()) % 900_000_000) as u32
}

/// Joins untrusted JSON texts into one array for a single JSON.parse(). The peer can't know the separator, so one text can't
/// pose as two, nor two as one. Also returns the start and the length of each text, in UTF-16 units. Returns None if a text
/// is not UTF-8, if there is no memory, or if the array would be too long for a string.
fn array_of(texts: &[Option<&str>], between: u32, longest: usize) -> Option<(String, Vec<(usize, usize)>)> {
    let between = format!(",{between},");
    let lengths = texts.iter().map(|text| text.map(|text| text.len() + between.len()));
    // Plus two for the brackets.
    let length = lengths.sum::<Option<usize>>()? + 2;
    let mut array = String::new();
    if length > longest || array.try_reserve_exact(length).is_err() {
        return None;
    }
    let mut places = Vec::with_capacity(texts.len());
    let mut end = 0;
    for text in texts.iter().flatten() {
        let before = if array.is_empty() { "[" } else { &between };
        array.push_str(before);
        array.push_str(text);
        let (start, length) = (end + before.len(), units(text));
        places.push((start, length));
        end = start + length;
    }
    array.push(']');
    Some((array, places))
}

/// Returns the length of a text as a JavaScript string.
fn units(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

/// How a stream has ended. Each value but `closed` names the function of lib/core/errors.js that makes the error.
#[napi(string_enum = "camelCase")]
pub enum StreamEnd {
    Closed,
    MessageTooLong,
    TooManyHandles,
    HandlesMissing,
    HandlesSurplus,
    MessageCut,
    MessageInvalid,
    HandlesLost,
    TextTooLong,
}

impl From<End> for StreamEnd {
    fn from(end: End) -> Self {
        match end {
            End::Closed => Self::Closed,
            End::Fault(Fault::TooLong) => Self::MessageTooLong,
            End::Fault(Fault::TooManyHandles) => Self::TooManyHandles,
            End::Fault(Fault::HandlesMissing) => Self::HandlesMissing,
            End::Fault(Fault::HandlesSurplus) => Self::HandlesSurplus,
            End::Fault(Fault::Cut) => Self::MessageCut,
            End::Fault(Fault::Invalid) => Self::MessageInvalid,
            End::Fault(Fault::HandlesLost) => Self::HandlesLost,
        }
    }
}

/// Shuts down the sending half: shutdown(2).
#[napi(catch_unwind)]
pub fn shut_down_channel(env: Env, reactor: u32, token: f64) -> Result<()> {
    with_channel(&env, reactor, token, |channel, _| channel.shut_down())?.or_throw(&env)
}
