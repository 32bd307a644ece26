//! The link between a launcher and its daemon: a pair of seqpacket sockets, closed when the daemon is ready.
//!
//! - The launcher sends one message: the settings.
//! - The daemon sends any number of [`Message::Error`], each with the text of an error that may end the daemon.
//! - The daemon sends at most one [`Message::Ready`].
//! - The end of file means that the daemon is gone.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::socket::{self, MsgFlags, SockType, sockopt};

use crate::daemon::systemd::INTRODUCTION_TIMEOUT;
use crate::descriptor::fd;
use crate::error::{During, Result};
use crate::socket::ancillary;
use crate::sys;
use crate::sys::poll;

/// The size of the longest message. The default send buffer of a socket is larger (net.core.wmem_default, socket(7)).
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;

const READY: u8 = b'R';
const ERROR: u8 = b'E';

/// The environment variable that makes a process a daemon: `DESCRIPTOR:INODE:PID`. It means nothing in a process with
/// another pid, or if the descriptor is another file.
pub const MARKER: &str = "PROCNATIVE_DAEMON";

/// A message of the daemon.
#[derive(Debug, PartialEq, Eq)]
pub enum Message {
    Ready,
    Error(String),
}

/// The result of receiving.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    Message(Message),
    /// No message has arrived yet.
    Nothing,
    /// The daemon has closed its end.
    End,
}

/// The launcher's end.
pub struct LauncherEnd(OwnedFd);

/// The daemon's end.
pub struct DaemonEnd(OwnedFd);

/// Makes a link and sends `settings` into it. Returns the launcher's end and the daemon's end.
pub fn create_pair(settings: &str) -> Result<(LauncherEnd, OwnedFd)> {
    let (ours, theirs) = ancillary::pair(SockType::SeqPacket)?;
    send(&ours, settings.as_bytes())?;
    Ok((LauncherEnd(ours), theirs))
}

impl LauncherEnd {
    /// Receives the next message without waiting.
    pub fn receive(&self) -> Result<Received> {
        let mut buffer = vec![0; MAX_MESSAGE_BYTES];
        let length = match receive(self.as_fd(), &mut buffer) {
            Err(Errno::EAGAIN) => return Ok(Received::Nothing),
            // The daemon has ended without reading its settings.
            Err(Errno::ECONNRESET) => 0,
            result => result.during("recv")?,
        };
        Ok(match buffer[..length].split_first() {
            None => Received::End,
            Some((&READY, _)) => Received::Message(Message::Ready),
            Some((_, text)) => Received::Message(Message::Error(String::from_utf8_lossy(text).into_owned())),
        })
    }
}

impl AsFd for LauncherEnd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl DaemonEnd {
    /// Takes over the descriptor that the marker names, and receives the settings. Returns None if the descriptor is
    /// not the link that the marker names.
    pub fn take_over(descriptor: RawFd, inode: u64) -> Result<Option<(Self, String)>> {
        let named = sys::fd::borrow(descriptor);
        if fd::inode(named).ok() != Some(inode) || !is_seqpacket(named) {
            return Ok(None);
        }
        let mut buffer = vec![0; MAX_MESSAGE_BYTES];
        let length = receive(named, &mut buffer).during("recv")?;
        // Adopting is safe: the launcher gave this socket to this code only, and the marker is read once.
        let link = Self(sys::fd::adopt(descriptor));
        Ok(Some((link, String::from_utf8_lossy(&buffer[..length]).into_owned())))
    }

    /// Makes this process die with the launcher, even if the launcher has died already. The child has set the death
    /// signal before its exec, but the exec of a program with capabilities clears it, see prctl(2).
    pub fn die_with_launcher(&self) -> Result<()> {
        sys::process::set_parent_death_signal(Signal::SIGKILL as i32).during("prctl")?;
        if self.is_closed_by_launcher()? { die() } else { Ok(()) }
    }

    /// Sends an error that may end this process. Does nothing if the launcher is gone.
    pub fn send_error(&self, text: &str) -> Result<()> {
        let room = (0..MAX_MESSAGE_BYTES).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        send(&self.0, &[&[ERROR], &text.as_bytes()[..room]].concat()).map(drop)
    }

    /// Tells the launcher that this process is ready. Dies if the launcher has died.
    ///
    /// Clears the death signal first, because the launcher ends as soon as it has read the message. `is_managed`: waits
    /// until the launcher has told the service manager.
    pub fn send_ready(&self, is_managed: bool) -> Result<()> {
        sys::process::set_parent_death_signal(0).during("prctl")?;
        if !send(&self.0, &[READY])? {
            return die();
        }
        if is_managed {
            poll::wait(&[self.0.as_fd()], Some(Instant::now() + INTRODUCTION_TIMEOUT)).during("poll")?;
        }
        Ok(())
    }

    /// Returns true if the launcher has closed its end.
    fn is_closed_by_launcher(&self) -> Result<bool> {
        let mut byte = [0];
        match receive(self.0.as_fd(), &mut byte) {
            Err(Errno::EAGAIN) => Ok(false),
            // The launcher sends one message, which was read before. So this is the end of file.
            Ok(_) | Err(Errno::ECONNRESET) => Ok(true),
            Err(errno) => Err(errno).during("recv"),
        }
    }
}

/// Ends this process as the death signal would.
fn die() -> Result<()> {
    sys::process::send_to_self(Signal::SIGKILL as i32).during("kill")
}

fn is_seqpacket(descriptor: BorrowedFd<'_>) -> bool {
    socket::getsockopt(&descriptor, sockopt::SockType) == Ok(SockType::SeqPacket)
}

/// Sends a message. Returns false if the other end is gone. ECONNRESET: it was closed with unread messages.
fn send(socket: &OwnedFd, message: &[u8]) -> Result<bool> {
    match socket::send(socket.as_raw_fd(), message, MsgFlags::MSG_NOSIGNAL) {
        Err(Errno::EPIPE | Errno::ECONNRESET) => Ok(false),
        result => result.during("send").map(|_| true),
    }
}

fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> nix::Result<usize> {
    socket::recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined() -> (LauncherEnd, DaemonEnd, String) {
        let (launcher, daemon) = create_pair("{}").unwrap();
        let inode = fd::inode(&daemon).unwrap();
        let (end, settings) =
            DaemonEnd::take_over(std::os::fd::IntoRawFd::into_raw_fd(daemon), inode).unwrap().unwrap();
        (launcher, end, settings)
    }

    #[test]
    fn the_daemon_finds_its_settings() {
        assert_eq!(joined().2, "{}");
    }

    #[test]
    fn another_file_at_the_number_is_no_link() {
        let (_launcher, daemon) = create_pair("{}").unwrap();
        let inode = fd::inode(&daemon).unwrap();
        assert!(DaemonEnd::take_over(daemon.as_raw_fd(), inode + 1).unwrap().is_none());
        assert!(DaemonEnd::take_over(1_000_000, inode).unwrap().is_none());
    }

    #[test]
    fn messages_come_in_order_and_then_the_end() {
        let (launcher, daemon, _) = joined();
        assert_eq!(launcher.receive().unwrap(), Received::Nothing);
        daemon.send_error("first").unwrap();
        daemon.send_error(&"ä".repeat(MAX_MESSAGE_BYTES)).unwrap();
        daemon.send_ready(false).unwrap();
        assert_eq!(launcher.receive().unwrap(), Received::Message(Message::Error("first".into())));
        let Received::Message(Message::Error(long)) = launcher.receive().unwrap() else { panic!("no text") };
        assert_eq!(long, "ä".repeat((MAX_MESSAGE_BYTES - 1) / 2));
        assert_eq!(launcher.receive().unwrap(), Received::Message(Message::Ready));
        drop(daemon);
        assert_eq!(launcher.receive().unwrap(), Received::End);
    }

    #[test]
    fn an_error_for_a_dead_launcher_is_ignored() {
        let (launcher, daemon, _) = joined();
        daemon.send_error("unread").unwrap();
        drop(launcher);
        daemon.send_error("after the end").unwrap();
        assert!(daemon.is_closed_by_launcher().unwrap());
    }
}
