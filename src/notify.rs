//! sd_notify(3): telling a service manager how a service does, and hearing it.

use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::socket::{self, ControlMessage, MsgFlags, SockType, UnixAddr, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::error::{During, Error, Result};
use crate::plan::c_string;
use crate::sys::{self, poll};
use crate::unix;

/// How long the manager may take to come to our message, as in sd_notify_barrier(3)'s callers.
const BARRIER: Duration = Duration::from_secs(5);

/// Sends `state` to `socket` (NOTIFY_SOCKET: a path, or `@name` for an abstract one). False if nobody listens there.
/// Where too much is waiting to be read there, fails with EAGAIN: at once, or after some patience.
pub fn notify(socket: &str, state: &str, patience: Patience) -> Result<bool> {
    send(socket, state, &[], patience)
}

/// The same, and waits until the manager has read it. False, too, if that did not come to it in time.
pub fn notify_and_wait(socket: &str, state: &str) -> Result<bool> {
    Ok(notify(socket, state, Patience::Some)? && barrier(socket)?)
}

/// Waits until the manager has read all that was sent before: it closes the descriptor that goes with the message, or
/// the socket, having heard what it wanted.
fn barrier(socket: &str) -> Result<bool> {
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC).during("pipe2")?;
    if !send(socket, "BARRIER=1", std::slice::from_ref(&writer), Patience::Some)? {
        return Ok(true);
    }
    drop(writer);
    poll::wait(&[reader.as_fd()], Some(Instant::now() + BARRIER)).during("poll")
}

/// What to do while the socket's queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    None,
    /// Waits as long as for a barrier.
    Some,
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
    let deadline = Instant::now() + BARRIER;
    loop {
        let mut flags = MsgFlags::MSG_NOSIGNAL;
        match patience {
            Patience::None => flags |= MsgFlags::MSG_DONTWAIT,
            // With a timeout, a signal ends the wait (signal(7)), however it is handled.
            Patience::Some => {
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
