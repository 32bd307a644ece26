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

/// How many connections are taken at once, for others to have their turn.
const BATCH: usize = 64;

/// A listening Unix socket, the only one of a list. `name` is a path or, with `isAbstract`, an abstract name without its NUL.
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

/// Takes over a listening socket, which a turn tells of when somebody connects. If that fails, it is as it was.
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

/// Whether a turn tells of it.
#[napi(catch_unwind)]
pub fn watch_listener(env: Env, reactor: u32, token: f64, yes: bool) -> Result<()> {
    reactor::with(reactor, |reactor| reactor.sockets.watch_listener(token as Token, yes)).or_throw(&env)
}

/// Takes connections. Throws only where there would be none.
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
    while accepted.len() < BATCH {
        match unix::accept(listener) {
            Ok(Some(socket)) => accepted.push(socket),
            Ok(None) => break,
            // It will be told again.
            Err(_) if !accepted.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(accepted)
}

/// Closes a channel, or a listening socket.
#[napi(catch_unwind)]
pub fn close_socket(env: Env, reactor: u32, token: f64) -> Result<()> {
    reactor::with(reactor, |reactor| {
        reactor.sockets.close(token as Token);
        Ok(())
    })
    .or_throw(&env)
}
