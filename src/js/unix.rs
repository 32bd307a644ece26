use std::os::fd::OwnedFd;

use napi::{Env, Result};
use napi_derive::napi;

use super::bridge::error::OrThrow;
use super::bridge::worker_descriptors;
use super::reactor;
use crate::descriptor::fd;
use crate::error;
use crate::reactor::Token;
use crate::socket::unix::{self, Address};
use crate::sys;

/// Connections accepted by one call, so that a busy server can't starve other work on the event loop.
const ACCEPTS_PER_CALL: usize = 64;

/// Returns a listening Unix socket in a list of one. `name`: a path or, with `isAbstract`, an abstract name without its NUL.
#[napi(catch_unwind)]
pub fn listen_unix(env: Env, name: String, is_abstract: bool, mode: u32, backlog: i32) -> Result<Vec<i32>> {
    let socket = unix::listen(&to_address(name, is_abstract), mode, backlog).or_throw(&env)?;
    worker_descriptors::give(&env, vec![socket])
}

/// Returns a connected Unix socket in a list of one. Does not wait: throws EAGAIN if the listening socket has no room.
#[napi(catch_unwind)]
pub fn connect_unix(env: Env, name: String, is_abstract: bool) -> Result<Vec<i32>> {
    let socket = unix::connect(&to_address(name, is_abstract)).or_throw(&env)?;
    worker_descriptors::give(&env, vec![socket])
}

fn to_address(name: String, is_abstract: bool) -> Address {
    if is_abstract { Address::Abstract(name) } else { Address::File(name) }
}

/// Takes over a listening socket: a turn reports it when a client connects. A failure leaves the descriptor to the caller.
#[napi(catch_unwind)]
pub fn open_listener(env: Env, reactor: u32, fd: i32) -> Result<f64> {
    let opened = fd::set_nonblocking(sys::fd::borrow(fd)).and_then(|()| {
        reactor::with(reactor, |reactor| {
            let token = reactor.token();
            reactor.sockets.add_listener(token, sys::fd::adopt(fd)).map(|()| token)
        })
    });
    let token = opened.or_throw(&env)?;
    worker_descriptors::disown(fd);
    Ok(token as f64)
}

/// Sets whether a turn reports a listening socket.
#[napi(catch_unwind)]
pub fn watch_listener(env: Env, reactor: u32, token: f64, is_watched: bool) -> Result<()> {
    reactor::with(reactor, |reactor| reactor.sockets.watch_listener(token as Token, is_watched))
        .or_throw(&env)
}

/// Accepts waiting connections. Throws an error only if no connection was accepted before it.
#[napi(catch_unwind)]
pub fn accept(env: Env, reactor: u32, token: f64) -> Result<Vec<i32>> {
    let accepted = reactor::with(reactor, |reactor| {
        let listener = reactor.sockets.listener(token as Token)?;
        accept_some(listener)
    });
    worker_descriptors::give(&env, accepted.or_throw(&env)?)
}

fn accept_some(listener: &OwnedFd) -> error::Result<Vec<OwnedFd>> {
    let mut accepted = Vec::new();
    while accepted.len() < ACCEPTS_PER_CALL {
        match unix::accept(listener) {
            Ok(Some(socket)) => accepted.push(socket),
            Ok(None) => break,
            // The next call reports the error again.
            Err(_) if !accepted.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(accepted)
}

/// Closes a channel or a listening socket.
#[napi(catch_unwind)]
pub fn close_socket(env: Env, reactor: u32, token: f64) -> Result<()> {
    reactor::with(reactor, |reactor| {
        reactor.sockets.close(token as Token);
        Ok(())
    })
    .or_throw(&env)
}
