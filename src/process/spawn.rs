//! Starts any program as a child.

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

/// The source of a descriptor of the child.
#[derive(Debug, Clone, Copy)]
pub enum Stdio {
    Pipe,
    Socket,
    Ignore,
    Descriptor(RawFd),
}

/// A program, and how to start it.
pub struct LaunchOptions {
    pub program: Vec<u8>,
    pub argv: Strings,
    pub environment: Strings,
    /// The working directory of the program. None: the directory of the caller.
    pub cwd: Option<String>,
    pub umask: Option<u32>,
    pub identity: Option<Identity>,
    /// The descriptors of the child, from 0 on.
    pub stdio: Vec<Stdio>,
    pub job: Job,
    pub death_signal: Option<i32>,
}

/// A child, and our ends of its pipes, each at the index of the child's descriptor.
pub struct Spawned {
    pub child: Child,
    pub pipes: Vec<Option<OwnedFd>>,
}

/// Starts a child. Returns when its program has begun.
pub fn spawn(options: LaunchOptions) -> Result<Spawned> {
    let mut plan = Plan::new(&options.program, options.argv, options.environment)?;
    plan.search()?;
    if let Some(directory) = &options.cwd {
        plan.exec_in(directory)?;
    }
    if let Some(identity) = options.identity {
        plan.become_user(identity)?;
    }
    plan.umask = options.umask;
    plan.job = options.job;
    plan.death_signal = options.death_signal;
    let null =
        options.stdio.iter().any(|source| matches!(source, Stdio::Ignore)).then(fd::dev_null).transpose()?;
    let mut pipes = Vec::with_capacity(options.stdio.len());
    let mut standard = Vec::new();
    for (target, &source) in (0..).zip(&options.stdio) {
        let mut our_end = None;
        match source {
            Stdio::Pipe | Stdio::Socket => {
                let is_pipe = matches!(source, Stdio::Pipe) && target <= 2;
                let (theirs, ours) = if is_pipe { pipe(target)? } else { socket_pair()? };
                plan.place_owned(theirs, target)?;
                our_end = Some(ours);
            }
            Stdio::Ignore => plan.place(null.as_ref().map_or(-1, AsRawFd::as_raw_fd), target)?,
            Stdio::Descriptor(descriptor) => {
                plan.place(descriptor, target)?;
                if target <= 2 {
                    standard.push(descriptor);
                }
            }
        }
        pipes.push(our_end);
    }
    let blocking = Blocking::of(&standard)?;
    let child = clone::once(&mut plan)?;
    blocking.keep();
    Ok(Spawned { child, pipes })
}

/// Size in bytes of a child's send buffer (SO_SNDBUF in socket(7)): data that the child has sent and nothing has read. The limit is
/// net.core.wmem_max, usually 208 KiB. The kernel doubles the requested number, and counts its own memory for each write.
const SEND_BUFFER_BYTES: usize = 1 << 20;

/// Returns the child's end and ours, both two-way.
fn socket_pair() -> Result<(OwnedFd, OwnedFd)> {
    let (theirs, ours) = ancillary::pair(SockType::Stream)?;
    socket::setsockopt(&theirs, sockopt::SndBuf, &SEND_BUFFER_BYTES).during("setsockopt")?;
    Ok((theirs, ours))
}

/// Returns the child's end and ours, for one direction.
fn pipe(target: RawFd) -> Result<(OwnedFd, OwnedFd)> {
    let (reads, writes) = unistd::pipe2(OFlag::O_CLOEXEC).during("pipe2")?;
    Ok(if target == 0 { (reads, writes) } else { (writes, reads) })
}

/// Descriptors whose O_NONBLOCK flag was cleared. A drop sets the flag again; `keep` keeps it cleared. Node.js makes its own
/// streams non-blocking, but a program expects blocking standard streams. child_process clears the flag, too.
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
            // Setting the flag can't fail where clearing it succeeded.
            let _ = fcntl::fcntl(sys::fd::borrow(number), FcntlArg::F_SETFL(flags));
        }
    }
}
