//! sd_notify(3): telling a service manager how a service does, and hearing it.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::socket::{
    self, AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr,
    UnixCredentials, sockopt,
};

use crate::error::{During, Error, Result};
use crate::plan::c_string;
use crate::sys::poll;

/// How long the manager may take to come to our message, as in sd_notify_barrier(3)'s callers.
const BARRIER: Duration = Duration::from_secs(5);

/// Sends `state` to `socket` (NOTIFY_SOCKET: a path, or `@name` for an abstract one). False if nobody listens there.
pub fn notify(socket: &str, state: &str) -> Result<bool> {
    match send(socket, state, &[]) {
        Err(Error { errno: Errno::ENOENT | Errno::ECONNREFUSED, .. }) => Ok(false),
        result => result.map(|()| true),
    }
}

/// The same, and waits until the manager has read it. False, too, if that did not come to it in time.
pub fn notify_and_wait(socket: &str, state: &str) -> Result<bool> {
    Ok(notify(socket, state)? && barrier(socket)?)
}

/// Waits until the manager has read all that was sent before: it closes the descriptor that goes with the message.
fn barrier(socket: &str) -> Result<bool> {
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC).during("pipe2")?;
    send(socket, "BARRIER=1", std::slice::from_ref(&writer))?;
    drop(writer);
    poll::wait(&[reader.as_fd()], Some(Instant::now() + BARRIER)).during("poll")
}

fn send(path: &str, state: &str, descriptors: &[OwnedFd]) -> Result<()> {
    let address = match path.strip_prefix('@') {
        Some(name) => UnixAddr::new_abstract(name.as_bytes()),
        None => UnixAddr::new(path),
    }
    .map_err(|errno| failed("connect", errno, path))?;
    let socket = datagram_socket()?;
    let numbers: Vec<_> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&numbers)];
    let control = if numbers.is_empty() { &[][..] } else { &rights[..] };
    let data = [IoSlice::new(state.as_bytes())];
    socket::sendmsg(socket.as_raw_fd(), &data, control, MsgFlags::MSG_NOSIGNAL, Some(&address))
        .map(drop)
        .map_err(|errno| failed("sendmsg", errno, path))
}

/// The longest message, as systemd has it.
const LONGEST: usize = 4096;

/// The most descriptors that can come with a message (SCM_MAX_FD).
const MOST_DESCRIPTORS: usize = 253;

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
        let socket = datagram_socket()?;
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

    /// The next message, if there is one.
    pub fn receive(&self) -> Result<Option<Heard>> {
        let mut text = [0; LONGEST];
        let mut control = nix::cmsg_space!(UnixCredentials, [RawFd; MOST_DESCRIPTORS]);
        let mut data = [IoSliceMut::new(&mut text)];
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
        let socket = self.socket.as_raw_fd();
        let message = match socket::recvmsg::<()>(socket, &mut data, Some(&mut control), flags) {
            Err(Errno::EAGAIN) => return Ok(None),
            result => result.during("recvmsg")?,
        };
        let (length, cut) = (message.bytes, message.flags.contains(MsgFlags::MSG_TRUNC));
        let mut sender = 0;
        for part in message.cmsgs().during("recvmsg")? {
            match part {
                ControlMessageOwned::ScmCredentials(credentials) => sender = credentials.pid(),
                // To close them is all that is wanted: with BARRIER=1, the sender waits for that.
                ControlMessageOwned::ScmRights(descriptors) => {
                    descriptors.into_iter().try_for_each(nix::unistd::close).during("close")?;
                }
                _ => {}
            }
        }
        // One that is too long for a service manager says nothing.
        let text = String::from_utf8_lossy(if cut { &[] } else { &text[..length] });
        let value = |name| text.lines().find_map(|line| line.strip_prefix(name));
        Ok(Some(Heard {
            sender,
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

fn datagram_socket() -> Result<OwnedFd> {
    let (kind, flags) = (SockType::Datagram, SockFlag::SOCK_CLOEXEC);
    socket::socket(AddressFamily::Unix, kind, flags, None).during("socket")
}

fn failed(syscall: &'static str, errno: Errno, path: &str) -> Error {
    Error { syscall, errno, path: c_string(path).ok() }
}
