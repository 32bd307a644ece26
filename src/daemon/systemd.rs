//! sd_notify(3): sends messages to a service manager, and receives messages of a service.

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

/// The time in which the manager must read all of our messages.
const MANAGER_TIMEOUT: Duration = Duration::from_secs(5);

/// The time in which another process must tell the manager about this process. That process has `MANAGER_TIMEOUT` for
/// the messages. The rest is for a busy machine.
pub const INTRODUCTION_TIMEOUT: Duration = MANAGER_TIMEOUT.saturating_mul(2);

/// Sends `state` to `socket`: the value of NOTIFY_SOCKET, a path or `@name` for an abstract name. Returns false if no
/// process listens there. Fails with EAGAIN if the queue of the socket is full: at once, or at the deadline.
pub fn notify(socket: &str, state: &str, when_full: WhenFull) -> Result<bool> {
    send(socket, state, &[], when_full)
}

/// Sends `state` and waits until the manager has read it. Returns false, too, if the manager does not read it in time.
pub fn notify_and_wait(socket: &str, state: &str) -> Result<bool> {
    notify_and_wait_until(socket, state, Instant::now() + MANAGER_TIMEOUT)
}

/// Sends `state` to a predecessor and waits until the predecessor has told the manager about this process.
pub fn notify_predecessor(socket: &str, state: &str) -> Result<bool> {
    notify_and_wait_until(socket, state, Instant::now() + INTRODUCTION_TIMEOUT)
}

/// Sends `state`, and waits until it is read. The message and the barrier share the deadline.
fn notify_and_wait_until(socket: &str, state: &str, deadline: Instant) -> Result<bool> {
    Ok(notify(socket, state, WhenFull::WaitUntil(deadline))? && wait_until_read(socket, deadline)?)
}

/// Waits until the manager has read all earlier messages, see sd_notify_barrier(3). The manager then closes the
/// descriptor that comes with this message. A predecessor closes its socket instead, once it has read READY=1.
fn wait_until_read(socket: &str, deadline: Instant) -> Result<bool> {
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC).during("pipe2")?;
    if !send(socket, "BARRIER=1", std::slice::from_ref(&writer), WhenFull::WaitUntil(deadline))? {
        return Ok(true);
    }
    drop(writer);
    poll::wait(&[reader.as_fd()], Some(deadline)).during("poll")
}

/// The behavior while the queue of the socket is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    Fail,
    /// Waits for room until the deadline.
    WaitUntil(Instant),
}

impl WhenFull {
    /// Waits for room for as long as the manager may take to read.
    pub fn wait_for_manager() -> Self {
        Self::WaitUntil(Instant::now() + MANAGER_TIMEOUT)
    }
}

fn send(path: &str, state: &str, descriptors: &[OwnedFd], when_full: WhenFull) -> Result<bool> {
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
        match when_full {
            WhenFull::Fail => flags |= MsgFlags::MSG_DONTWAIT,
            // With a send timeout, the kernel does not restart the call after a signal handler, see signal(7).
            WhenFull::WaitUntil(deadline) => {
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

/// The size of the longest message that systemd reads.
const MAX_MESSAGE_BYTES: usize = 4096;

/// A socket that receives the messages of a service.
pub struct Receiver {
    socket: OwnedFd,
    name: String,
}

/// A message of a service.
pub struct Notification {
    /// The pid of the sender, which the kernel reports (SCM_CREDENTIALS, unix(7)).
    pub sender: i32,
    /// True for READY=1.
    pub ready: bool,
    /// The pid in MAINPID=: the process that is the service now.
    pub main_pid: Option<i32>,
}

impl Receiver {
    /// Binds a socket to an abstract name, which the kernel chooses. Such a name leaves no file behind, see unix(7).
    pub fn bind() -> Result<Self> {
        let socket = unix::socket(SockType::Datagram)?;
        socket::setsockopt(&socket, sockopt::PassCred, &true).during("setsockopt")?;
        socket::bind(socket.as_raw_fd(), &UnixAddr::new_unnamed()).during("bind")?;
        let address: UnixAddr = socket::getsockname(socket.as_raw_fd()).during("getsockname")?;
        let name = String::from_utf8_lossy(address.as_abstract().unwrap_or_default()).into_owned();
        Ok(Self { socket, name })
    }

    /// Returns the value for NOTIFY_SOCKET.
    pub fn address(&self) -> String {
        format!("@{}", self.name)
    }

    /// Receives the next message without waiting. Closes the descriptors that come with it: the sender of a barrier
    /// waits for that, and a stranger must not fill our descriptor table.
    pub fn receive(&self) -> Result<Option<Notification>> {
        let mut text = [0; MAX_MESSAGE_BYTES];
        let message = match sys::socket::receive_from_anybody(self.socket.as_fd(), &mut text) {
            Err(Errno::EAGAIN) => return Ok(None),
            result => result.during("recvmsg")?,
        };
        // A service manager ignores a message that is too long.
        let text = String::from_utf8_lossy(if message.cut { &[] } else { &text[..message.length] });
        let value = |name| text.lines().find_map(|line| line.strip_prefix(name));
        Ok(Some(Notification {
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
