//! sd_notify(3): telling a service manager how a service does, and hearing it.

use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::socket::{self, ControlMessage, MsgFlags, SockType, UnixAddr, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::error::{During, Error, Result};
use crate::socket::unix;
use crate::sys::c_string;
use crate::sys::{self, poll};

/// How long the manager may take to read our messages, all of them together.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long another process may take to tell the manager about this process. That process has `PATIENCE` for the messages
/// themselves; the rest is for a busy machine.
pub const INTRODUCTION: Duration = PATIENCE.saturating_mul(2);

/// Sends `state` to `socket` (NOTIFY_SOCKET: a path, or `@name` for an abstract one). False if nobody listens there.
/// Where too much is waiting to be read there, fails with EAGAIN: at once, or at the deadline.
pub fn notify(socket: &str, state: &str, patience: Patience) -> Result<bool> {
    send(socket, state, &[], patience)
}

/// Sends `state` and waits until the manager has read it. Returns false, too, if the manager does not read it in time.
pub fn notify_and_wait(socket: &str, state: &str) -> Result<bool> {
    notify_and_wait_until(socket, state, Instant::now() + PATIENCE)
}

/// Sends `state` to a predecessor and waits until the predecessor has told the manager about this process.
pub fn notify_predecessor(socket: &str, state: &str) -> Result<bool> {
    notify_and_wait_until(socket, state, Instant::now() + INTRODUCTION)
}

/// The message and the barrier share one deadline.
fn notify_and_wait_until(socket: &str, state: &str, deadline: Instant) -> Result<bool> {
    Ok(notify(socket, state, Patience::Until(deadline))? && barrier(socket, deadline)?)
}

/// Waits until the manager has read all that was sent before: it closes the descriptor that goes with the message, or
/// the socket, having heard what it wanted.
fn barrier(socket: &str, deadline: Instant) -> Result<bool> {
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC).during("pipe2")?;
    if !send(socket, "BARRIER=1", std::slice::from_ref(&writer), Patience::Until(deadline))? {
        return Ok(true);
    }
    drop(writer);
    poll::wait(&[reader.as_fd()], Some(deadline)).during("poll")
}

/// What to do while the socket's queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    None,
    /// Waits for room until then.
    Until(Instant),
}

impl Patience {
    /// Waits for room as long as the manager may take to read.
    pub fn usual() -> Self {
        Self::Until(Instant::now() + PATIENCE)
    }
}

fn send(path: &str, state: &str, descriptors: &[OwnedFd], patience: Patience) -> Result<bool> {
    let address = match path.strip_prefix('@') {
        Some(name) => UnixAddr::new_abstract(name.as_bytes()),
        None => UnixAddr::new(path),
    }
    .map_err(|errno| failed("connect", errno, path))?;
    let socket = unix::socket(SockType::Datagram)?;
    let numbers: Vec<_> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&numbers)];
    let control = if numbers.is_empty() { &[][..] } else { &rights[..] };
    let data = [IoSlice::new(state.as_bytes())];
    loop {
        let mut flags = MsgFlags::MSG_NOSIGNAL;
        match patience {
            Patience::None => flags |= MsgFlags::MSG_DONTWAIT,
            // With a timeout, a signal ends the wait (signal(7)), however it is handled.
            Patience::Until(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now()).as_micros() as i64;
                let timeout = TimeVal::microseconds(left.max(1));
                socket::setsockopt(&socket, sockopt::SendTimeout, &timeout).during("setsockopt")?;
            }
        }
        match socket::sendmsg(socket.as_raw_fd(), &data, control, flags, Some(&address)) {
            Ok(_) => return Ok(true),
            Err(Errno::EINTR) => {}
            Err(Errno::ENOENT | Errno::ECONNREFUSED) => return Ok(false),
            Err(errno) => return Err(failed("sendmsg", errno, path)),
        }
    }
}

/// The longest message, as systemd has it.
const LONGEST: usize = 4096;

/// A socket to be notified at.
pub struct Receiver {
    socket: OwnedFd,
    name: String,
}

/// What was said of readiness, and by whom: the kernel vouches for that.
pub struct Heard {
    pub sender: i32,
    pub ready: bool,
    /// The process that is the service now, if the sender says so.
    pub main_pid: Option<i32>,
}

impl Receiver {
    /// Binds one to an abstract name of the kernel's choice: nothing of it stays in the file system, whatever happens.
    pub fn bind() -> Result<Self> {
        let socket = unix::socket(SockType::Datagram)?;
        socket::setsockopt(&socket, sockopt::PassCred, &true).during("setsockopt")?;
        socket::bind(socket.as_raw_fd(), &UnixAddr::new_unnamed()).during("bind")?;
        let address: UnixAddr = socket::getsockname(socket.as_raw_fd()).during("getsockname")?;
        let name = String::from_utf8_lossy(address.as_abstract().unwrap_or_default()).into_owned();
        Ok(Self { socket, name })
    }

    /// For NOTIFY_SOCKET.
    pub fn address(&self) -> String {
        format!("@{}", self.name)
    }

    /// The next message, if there is one. Descriptors that come with it are closed on the way: that is all that a
    /// barrier's sender waits for, and those of strangers are not to fill our table.
    pub fn receive(&self) -> Result<Option<Heard>> {
        let mut text = [0; LONGEST];
        let message = match sys::socket::receive_from_anybody(self.socket.as_fd(), &mut text) {
            Err(Errno::EAGAIN) => return Ok(None),
            result => result.during("recvmsg")?,
        };
        // One that is too long for a service manager says nothing.
        let text = String::from_utf8_lossy(if message.cut { &[] } else { &text[..message.length] });
        let value = |name| text.lines().find_map(|line| line.strip_prefix(name));
        Ok(Some(Heard {
            sender: message.sender,
            ready: value("READY=") == Some("1"),
            main_pid: value("MAINPID=").and_then(|pid| pid.parse().ok()).filter(|pid| *pid > 0),
        }))
    }
}

impl AsFd for Receiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn failed(syscall: &'static str, errno: Errno, path: &str) -> Error {
    Error { syscall, errno, path: c_string(path).ok() }
}
