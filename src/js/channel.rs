use std::slice;

use napi::bindgen_prelude::{BufferSlice, Either, Either3, Int32Array, Uint32Array};
use napi::{Env, JsString, Result};
use napi_derive::napi;

use super::error::OrThrow;
use super::{owned, reactor, text};
use crate::channel::{Batch, Channel, End, Fault, Limits, Message, State};
use crate::error;
use crate::reactor::Token;
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

/// Sends a message, or queues it, with duplicates of its descriptors. Throws where neither can be done. `now`: not to wait
/// for others. Returns what has become of all that is queued.
#[napi(catch_unwind)]
pub fn send_message(
    env: Env,
    reactor: u32,
    token: f64,
    payload: Either<JsString, &[u8]>,
    fds: Option<Either<i32, &[i32]>>,
    now: bool,
) -> Result<u32> {
    let write = |bytes: &mut Vec<u8>| match payload {
        Either::A(string) => text::append(string, bytes),
        Either::B(data) => {
            bytes.extend_from_slice(data);
            Ok(())
        }
    };
    let fds = match &fds {
        None => &[],
        Some(Either::A(fd)) => slice::from_ref(fd),
        Some(Either::B(fds)) => *fds,
    };
    let (sent, has_done) =
        with_channel(&env, reactor, token, |channel, _| (channel.send(fds, now, write), channel.has_done()))?;
    let state = number_of(sent?.or_throw(&env)?);
    Ok(if has_done { state | DONE } else { state })
}

/// Set where some of what was queued was sent. In lib/channel.js, too.
const DONE: u32 = 8;

/// Sends what is queued, as far as there is room. Returns its state.
#[napi(catch_unwind)]
pub fn flush_channel(env: Env, reactor: u32, token: f64) -> Result<u32> {
    with_channel(&env, reactor, token, |channel, _| channel.flush()).map(number_of)
}

/// How many queued messages were sent since this was asked last; 0 if all were.
#[napi(catch_unwind)]
pub fn messages_sent(env: Env, reactor: u32, token: f64) -> Result<u32> {
    with_channel(&env, reactor, token, |channel, _| channel.done())
}

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
#[napi(object, object_from_js = false)]
pub struct Incoming<'env> {
    /// All messages in one string or buffer, with other things in between; or one by one, where they are text of which some
    /// is not ASCII, and nothing for what is no UTF-8.
    pub content: Option<Either3<JsString<'env>, Vec<Option<String>>, BufferSlice<'env>>>,
    /// Of each message: where it begins, its length, how many descriptors are its.
    pub frames: Uint32Array,
    /// JavaScript's from here on.
    pub fds: Int32Array,
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
    let Batch { messages, descriptors, end } = batch;
    let first = messages.first().map_or(0, |message| message.start);
    let content = match messages.last() {
        None => None,
        Some(last) => {
            let payload = |message: &Message| &bytes[message.start..][..message.length as usize];
            let all = &bytes[first..last.start + last.length as usize];
            Some(if !is_text {
                Either3::C(BufferSlice::copy_from(env, all)?)
            } else if messages.iter().all(|message| payload(message).is_ascii()) {
                // Each of what is in between is one character, too.
                Either3::A(env.create_string_latin1(all)?)
            } else {
                let texts = messages.iter().map(|one| str::from_utf8(payload(one)).ok().map(str::to_owned));
                Either3::B(texts.collect())
            })
        }
    };
    let numbers = |one: &Message| [(one.start - first) as u32, one.length, one.handles];
    let frames = messages.iter().flat_map(numbers).collect::<Vec<_>>().into();
    // Last: what has failed before closes them.
    let fds = owned::give(env, descriptors)?.into();
    Ok(Incoming { content, frames, fds, end: end.map(name_of) })
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
