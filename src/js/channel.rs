use std::hash::{BuildHasher, RandomState};
use std::slice;

use napi::bindgen_prelude::{BufferSlice, Either3, Int32Array, Uint32Array};
use napi::{Env, JsString, Result, ValueType};
use napi_derive::napi;

use super::call::{Arguments, Function};
use super::error::OrThrow;
use super::{owned, reactor};
use crate::channel::{Batch, Channel, End, Fault, Limits, Message, State};
use crate::error;
use crate::reactor::{Reactor, Token};
use crate::sys;

/// Takes over a connected Unix stream socket: a token for its channel. If that fails, the socket is as it was.
#[napi(catch_unwind)]
pub fn open_channel(env: Env, reactor: u32, fd: i32, max_length: u32, max_handles: u32) -> Result<f64> {
    let limits = Limits { length: max_length, handles: max_handles };
    let opened = reactor::with(reactor, |reactor| {
        let token = reactor.token();
        let channel = Channel::new(sys::fd::adopt(fd), limits);
        reactor.sockets.add_channel(token, channel).map(|()| token)
    });
    let token = opened.or_throw(&env)?;
    owned::disown(fd);
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

/// Sends a message, or queues it, with duplicates of its descriptors: reactor, token, a string or Uint8Array, and no
/// descriptor, one, or an Int32Array of them. Throws where neither can be done. Returns true if it was sent; otherwise, the
/// report of the turn's end (`endTurn`) counts it.
pub struct SendMessage;

impl Function for SendMessage {
    const NAME: &'static str = "sendMessage";
    type Output = bool;

    fn call(env: Env, [reactor, token, payload, fds]: Arguments<'_>) -> Result<bool> {
        let write = |bytes: &mut Vec<u8>| -> Result<()> {
            if !payload.append_to(bytes)? {
                bytes.extend_from_slice(payload.elements()?);
            }
            Ok(())
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
        let send = |reactor: &mut Reactor| Ok(reactor.sockets.sender(token as Token)?.send(fds, write));
        reactor::with(reactor, send).or_throw(&env)??.or_throw(&env)
    }
}

/// Ends the turn: sends what it has left. Returns a report, see `report`.
#[napi(catch_unwind)]
pub fn end_turn(env: Env, reactor: u32, token: f64) -> Result<f64> {
    with_channel(&env, reactor, token, |channel, _| {
        let state = channel.end_turn();
        report(channel, state)
    })
}

/// Sends what is queued, as far as there is room. Returns a report, see `report`.
#[napi(catch_unwind)]
pub fn flush_channel(env: Env, reactor: u32, token: f64) -> Result<f64> {
    with_channel(&env, reactor, token, |channel, _| {
        let state = channel.flush();
        report(channel, state)
    })
}

/// The state of what is queued, and `STATES` times the number of queued messages that were sent since the last report.
fn report(channel: &mut Channel, state: State) -> f64 {
    f64::from(number_of(state)) + STATES * channel.done() as f64
}

/// More than the number of any state. In lib/channel.js, too.
const STATES: f64 = 8.0;

/// Throws why the next message can't be sent.
#[napi(catch_unwind)]
pub fn throw_failure(env: Env, reactor: u32, token: f64) -> Result<()> {
    let failure = with_channel(&env, reactor, token, |channel, _| channel.failure())?;
    failure.map_or(Ok(()), error::Result::Err).or_throw(&env)
}

/// In lib/channel.js, too.
fn number_of(state: State) -> u32 {
    match state {
        State::Sent => 0,
        State::Queued => 1,
        State::Blocked => 2,
        State::Crowded => 3,
        State::Failed => 4,
        State::Broken => 5,
    }
}

/// Whether a turn tells when there is something to receive.
#[napi(catch_unwind)]
pub fn read_channel(env: Env, reactor: u32, token: f64, yes: bool) -> Result<()> {
    with_channel(&env, reactor, token, |channel, _| channel.read(yes))
}

/// Messages, and how the stream has ended, if it has.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct Incoming<'env> {
    /// The payloads: text as one JSON array, with `between` between one and the next; or one by one, where some text is not
    /// UTF-8, and nothing for that. Bytes in one buffer, with other things in between.
    pub content: Option<Either3<JsString<'env>, Vec<Option<String>>, BufferSlice<'env>>>,
    /// Another number each time, that no peer can know.
    pub between: u32,
    /// Of each message: where in the string or buffer it begins, its length there, how many descriptors are its.
    pub frames: Uint32Array,
    /// JavaScript's from here on.
    pub fds: Int32Array,
    pub is_cut: bool,
    pub end: Option<&'static str>,
}

/// Receives what there is, up to a limit.
#[napi(catch_unwind)]
pub fn receive_messages(env: &Env, reactor: u32, token: f64, is_text: bool) -> Result<Incoming<'_>> {
    let received = with_channel(env, reactor, token, |channel, buffer| {
        let batch = channel.receive(buffer);
        let incoming = batch.map(|batch| incoming(env, channel.bytes(), is_text, batch));
        channel.settle(buffer);
        incoming
    })?;
    received.or_throw(env)?
}

fn incoming<'env>(env: &'env Env, bytes: &[u8], is_text: bool, batch: Batch) -> Result<Incoming<'env>> {
    let Batch { messages, descriptors, is_cut, end } = batch;
    let payload = |message: &Message| &bytes[message.start..][..message.length as usize];
    let first = messages.first().map_or(0, |message| message.start);
    let between = unknowable();
    let (content, places) = match messages.last() {
        None => (None, Vec::new()),
        Some(_) if is_text => {
            let texts = messages.iter().map(|one| str::from_utf8(payload(one)).ok());
            if let Some(texts) = texts.clone().collect::<Option<Vec<_>>>() {
                let (array, places) = array_of(&texts, between);
                (Some(Either3::A(env.create_string(array)?)), places)
            } else {
                let list = texts.map(|text| text.map(str::to_owned)).collect();
                (Some(Either3::B(list)), vec![(0, 0); messages.len()])
            }
        }
        Some(last) => {
            let all = &bytes[first..last.start + last.length as usize];
            let places = messages.iter().map(|one| (one.start - first, one.length as usize));
            (Some(Either3::C(BufferSlice::copy_from(env, all)?)), places.collect())
        }
    };
    let numbers =
        messages.iter().zip(places).map(|(one, (start, length))| [start as u32, length as u32, one.handles]);
    let frames = numbers.flatten().collect::<Vec<_>>().into();
    // Last: what has failed before closes them.
    let fds = owned::give(env, descriptors)?.into();
    Ok(Incoming { content, between, frames, fds, is_cut, end: end.map(name_of) })
}

/// A number of nine digits: V8 reads longer ones as others than integers, which takes longer.
fn unknowable() -> u32 {
    100_000_000 + (RandomState::new().hash_one(()) % 900_000_000) as u32
}

/// One JSON array of texts that are JSON, or pretend to be: their sender could have made two of one, or one of two, were it
/// not for what stands between them. And where each begins, and its length, as JavaScript counts.
fn array_of(texts: &[&str], between: u32) -> (String, Vec<(usize, usize)>) {
    let between = format!(",{between},");
    let length = texts.iter().map(|text| text.len() + between.len()).sum();
    let mut array = String::with_capacity(length);
    let mut places = Vec::with_capacity(texts.len());
    let mut end = 0;
    for text in texts {
        let before = if array.is_empty() { "[" } else { &between };
        array.push_str(before);
        array.push_str(text);
        let (start, length) = (end + before.len(), units(text));
        places.push((start, length));
        end = start + length;
    }
    array.push(']');
    (array, places)
}

/// How long a string of JavaScript's that is.
fn units(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

/// In lib/channel.js, too.
fn name_of(end: End) -> &'static str {
    match end {
        End::Closed => "closed",
        End::Fault(Fault::TooLong) => "messageTooLong",
        End::Fault(Fault::TooManyHandles) => "tooManyHandles",
        End::Fault(Fault::HandlesMissing) => "handlesMissing",
        End::Fault(Fault::HandlesSurplus) => "handlesSurplus",
        End::Fault(Fault::Cut) => "messageCut",
        End::Fault(Fault::Invalid) => "messageInvalid",
        End::Fault(Fault::HandlesLost) => "handlesLost",
    }
}

/// Shuts down the sending half.
#[napi(catch_unwind)]
pub fn shut_down_channel(env: Env, reactor: u32, token: f64) -> Result<()> {
    with_channel(&env, reactor, token, |channel, _| channel.shut_down())?.or_throw(&env)
}
