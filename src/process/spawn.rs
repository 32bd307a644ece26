//! Any program as a child.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use nix::fcntl::{self, FcntlArg, OFlag};
use nix::sys::socket::{self, SockType, sockopt};
use nix::unistd;

use crate::clone::credentials::Identity;
use crate::clone::plan::{Job, Plan};
use crate::clone::strings::Strings;
use crate::clone::{self, Child};
use crate::descriptor::fd;
use crate::error::{During, Result};
use crate::socket::ancillary;
use crate::sys;

/// What a descriptor of the child's is to be.
#[derive(Debug, Clone, Copy)]
pub enum Stdio {
    Pipe,
    Socket,
    Ignore,
    Descriptor(RawFd),
}

/// What to start, and how.
pub struct Orders {
    pub program: Vec<u8>,
    pub argv: Strings,
    pub environment: Strings,
    /// Where to exec; None: where the caller is.
    pub cwd: Option<String>,
    pub umask: Option<u32>,
    pub identity: Option<Identity>,
    /// What 0, 1, 2, … are to be.
    pub stdio: Vec<Stdio>,
    pub job: Job,
    pub death_signal: Option<i32>,
}

/// A child, and the other ends of its pipes, each at its index.
pub struct Spawned {
    pub child: Child,
    pub pipes: Vec<Option<OwnedFd>>,
}

pub fn spawn(orders: Orders) -> Result<Spawned> {
    let mut plan = Plan::new(&orders.program, orders.argv, orders.environment)?;
    plan.search()?;
    if let Some(directory) = &orders.cwd {
        plan.exec_in(directory)?;
    }
    if let Some(identity) = orders.identity {
        plan.become_user(identity)?;
    }
    plan.umask = orders.umask;
    plan.job = orders.job;
    plan.death_signal = orders.death_signal;
    let null = orders.stdio.iter().any(|one| matches!(one, Stdio::Ignore)).then(fd::dev_null).transpose()?;
    let mut pipes = Vec::with_capacity(orders.stdio.len());
    let mut streams = Vec::new();
    for (target, &one) in (0..).zip(&orders.stdio) {
        let mut other_end = None;
        match one {
            Stdio::Pipe | Stdio::Socket => {
                let is_pipe = matches!(one, Stdio::Pipe) && target <= 2;
                let (theirs, ours) = if is_pipe { pipe(target)? } else { socket_pair()? };
                plan.place_owned(theirs, target)?;
                other_end = Some(ours);
            }
            Stdio::Ignore => plan.place(null.as_ref().map_or(-1, AsRawFd::as_raw_fd), target)?,
            Stdio::Descriptor(source) => {
                plan.place(source, target)?;
                if target <= 2 {
                    streams.push(source);
                }
            }
        }
        pipes.push(other_end);
    }
    let blocking = Blocking::of(&streams)?;
    let child = clone::once(&mut plan)?;
    blocking.keep();
    Ok(Spawned { child, pipes })
}

/// Memory in bytes for what a child has sent and nothing has read, if net.core.wmem_max allows that much. The usual limit is
/// 208 KiB. The kernel doubles the requested number, and counts its own memory for each write.
const SEND_BUFFER: usize = 1 << 20;

/// Returns the child's end and ours, both two-way.
fn socket_pair() -> Result<(OwnedFd, OwnedFd)> {
    let (theirs, ours) = ancillary::pair(SockType::Stream)?;
    socket::setsockopt(&theirs, sockopt::SndBuf, &SEND_BUFFER).during("setsockopt")?;
    Ok((theirs, ours))
}

/// Returns the child's end and ours, for one direction.
fn pipe(target: RawFd) -> Result<(OwnedFd, OwnedFd)> {
    let (reads, writes) = unistd::pipe2(OFlag::O_CLOEXEC).during("pipe2")?;
    Ok(if target == 0 { (reads, writes) } else { (writes, reads) })
}

/// Descriptors that are not non-blocking any more, unless this is dropped. Node.js makes its own streams so, and a program
/// does not expect that of its standard ones; child_process undoes it too.
struct Blocking {
    before: Vec<(RawFd, OFlag)>,
}

impl Blocking {
    fn of(descriptors: &[RawFd]) -> Result<Self> {
        let mut blocking = Self { before: Vec::new() };
        for &number in descriptors {
            let descriptor = sys::fd::borrow(number);
            let flags = OFlag::from_bits_retain(fcntl::fcntl(descriptor, FcntlArg::F_GETFL).during("fcntl")?);
            if flags.contains(OFlag::O_NONBLOCK) {
                fcntl::fcntl(descriptor, FcntlArg::F_SETFL(flags - OFlag::O_NONBLOCK)).during("fcntl")?;
                blocking.before.push((number, flags));
            }
        }
        Ok(blocking)
    }

    fn keep(mut self) {
        self.before.clear();
    }
}

impl Drop for Blocking {
    fn drop(&mut self) {
        for &(number, flags) in &self.before {
            // As it could be cleared, it can be set.
            let _ = fcntl::fcntl(sys::fd::borrow(number), FcntlArg::F_SETFL(flags));
        }
    }
}
