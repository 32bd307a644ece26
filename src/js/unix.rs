use std::os::fd::OwnedFd;

use napi::bindgen_prelude::{Either, Object};
use napi::{Env, Result};
use napi_derive::napi;
use nix::errno::Errno;

use super::error::OrThrow;
use super::fd::Peer;
use super::{owned, promise, reactor};
use crate::error::{self, Error};
use crate::reactor::Token;
use crate::unix::{self, Address};
use crate::{ancillary, fd, sys};

/// How many connections are taken at once, for others to have their turn.
const BATCH: usize = 64;

/// A listening Unix socket, the only one of a list. `name` is a path or, with `isAbstract`, an abstract name without its NUL.
#[napi(catch_unwind)]
pub fn listen_unix(env: Env, name: String, is_abstract: bool, mode: u32, backlog: i32) -> Result<Vec<i32>> {
    let socket = unix::listen(&to_address(name, is_abstract), mode, backlog).or_throw(&env)?;
    owned::give(&env, vec![socket])
}

/// A connected Unix socket, the only one of a list: at once, or promised where one has to wait for those who came before.
#[napi(catch_unwind, ts_return_type = "Array<number> | Promise<Array<number>>")]
pub fn connect_unix(env: &Env, name: String, is_abstract: bool) -> Result<Either<Vec<i32>, Object<'_>>> {
    let address = to_address(name, is_abstract);
    let given = |env: &Env, socket| owned::give(env, vec![socket]);
    match unix::try_connect(&address) {
        Err(Error { errno: Errno::EAGAIN, .. }) => {
            promise::on_thread(env, move || unix::connect(&address), given).map(Either::B)
        }
        result => given(env, result.or_throw(env)?).map(Either::A),
    }
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
    owned::disown(fd);
    Ok(token as f64)
}

/// Whether a turn tells of it.
#[napi(catch_unwind)]
pub fn watch_listener(env: Env, reactor: u32, token: f64, yes: bool) -> Result<()> {
    reactor::with(reactor, |reactor| reactor.sockets.watch_listener(token as Token, yes)).or_throw(&env)
}

/// A connection, and who has made it.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct Connection {
    pub fd: i32,
    pub peer: Option<Peer>,
}

/// Takes connections. Throws only where there would be none.
#[napi(catch_unwind)]
pub fn accept(env: Env, reactor: u32, token: f64) -> Result<Vec<Connection>> {
    let accepted = reactor::with(reactor, |reactor| {
        let listener = reactor.sockets.listener(token as Token)?;
        accept_some(listener)
    });
    let (sockets, peers): (Vec<_>, Vec<_>) = accepted.or_throw(&env)?.into_iter().unzip();
    let fds = owned::give(&env, sockets)?;
    Ok(fds.into_iter().zip(peers).map(|(fd, peer)| Connection { fd, peer }).collect())
}

fn accept_some(listener: &OwnedFd) -> error::Result<Vec<(OwnedFd, Option<Peer>)>> {
    let mut accepted = Vec::new();
    while accepted.len() < BATCH {
        match unix::accept(listener) {
            Ok(Some(socket)) => {
                let peer = ancillary::peer(&socket)?.map(Into::into);
                accepted.push((socket, peer));
            }
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
