//! The link between a launcher and its daemon: a pair of seqpacket sockets, closed at readiness.
//!
//! Launcher to daemon: one message, its settings. Daemon to launcher: any number of [`Message::Error`], the
//! text of an error that may end it, and at most one [`Message::Ready`]. End of file: the daemon is gone.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::socket::{self, MsgFlags, SockType, sockopt};

use crate::daemon::systemd::INTRODUCTION;
use crate::descriptor::fd;
use crate::error::{During, Result};
use crate::socket::ancillary;
use crate::sys;
use crate::sys::poll;

/// The longest message; a socket's send buffer is larger by default.
pub const LONGEST: usize = 64 * 1024;

const READY: u8 = b'R';
const ERROR: u8 = b'E';

/// The environment variable by which a process finds out that it is a daemon: `DESCRIPTOR:INODE:PID`. With the
/// pid of another process it means nothing, and so it does where the descriptor is another file.
pub const MARKER: &str = "PROCNATIVE_DAEMON";

/// What the daemon says.
#[derive(Debug, PartialEq, Eq)]
pub enum Message {
    Ready,
    Error(String),
}

/// What there was to receive.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    Message(Message),
    /// Nothing yet.
    Nothing,
    /// The daemon has closed its end.
    End,
}

/// The launcher's end.
pub struct LauncherEnd(OwnedFd);

/// The daemon's end.
pub struct DaemonEnd(OwnedFd);

/// Makes a link and puts `settings` into it.
pub fn pair(settings: &str) -> Result<(LauncherEnd, OwnedFd)> {
    let (ours, theirs) = ancillary::pair(SockType::SeqPacket)?;
    send(&ours, settings.as_bytes())?;
    Ok((LauncherEnd(ours), theirs))
}

impl LauncherEnd {
    /// The next message, without waiting for it.
    pub fn receive(&self) -> Result<Received> {
        let mut buffer = vec![0; LONGEST];
        let length = match receive(self.as_fd(), &mut buffer) {
            Err(Errno::EAGAIN) => return Ok(Received::Nothing),
            // It has ended without reading its settings.
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
    /// Takes over the descriptor that the marker names and returns it with the settings; None where that is not
    /// the link that the marker speaks of.
    pub fn take_over(descriptor: RawFd, inode: u64) -> Result<Option<(Self, String)>> {
        let named = sys::fd::borrow(descriptor);
        if fd::inode(named).ok() != Some(inode) || !is_seqpacket(named) {
            return Ok(None);
        }
        let mut buffer = vec![0; LONGEST];
        let length = receive(named, &mut buffer).during("recv")?;
        // It is the launcher's socket, which was given to nobody else, and the marker is read once.
        let link = Self(sys::fd::adopt(descriptor));
        Ok(Some((link, String::from_utf8_lossy(&buffer[..length]).into_owned())))
    }

    /// Dies with the launcher from here on, also where that has died already. The child saw to it before its exec,
    /// but the exec of a program with capabilities undoes that.
    pub fn die_with_launcher(&self) -> Result<()> {
        sys::process::set_parent_death_signal(Signal::SIGKILL as i32).during("prctl")?;
        if self.is_cut()? { die() } else { Ok(()) }
    }

    /// Tells of an error that may be the end. A launcher that is gone can't hear it, and need not.
    pub fn send_error(&self, text: &str) -> Result<()> {
        let room = (0..LONGEST).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        send(&self.0, &[&[ERROR], &text.as_bytes()[..room]].concat()).map(drop)
    }

    /// Releases the launcher, or dies with it where it has died: the death signal is cleared first, because a
    /// launcher ends as soon as it hears of readiness. `is_managed`: wait until the launcher has told the service manager.
    pub fn send_ready(&self, is_managed: bool) -> Result<()> {
        sys::process::set_parent_death_signal(0).during("prctl")?;
        if !send(&self.0, &[READY])? {
            return die();
        }
        if is_managed {
            poll::wait(&[self.0.as_fd()], Some(Instant::now() + INTRODUCTION)).during("poll")?;
        }
        Ok(())
    }

    /// Whether the launcher has closed its end.
    fn is_cut(&self) -> Result<bool> {
        let mut byte = [0];
        match receive(self.0.as_fd(), &mut byte) {
            Err(Errno::EAGAIN) => Ok(false),
            // There is one message to a daemon, and that was read: what is left is the end.
            Ok(_) | Err(Errno::ECONNRESET) => Ok(true),
            Err(errno) => Err(errno).during("recv"),
        }
    }
}

/// As the death signal would have it.
fn die() -> Result<()> {
    sys::process::send_to_self(Signal::SIGKILL as i32).during("kill")
}

fn is_seqpacket(descriptor: BorrowedFd<'_>) -> bool {
    socket::getsockopt(&descriptor, sockopt::SockType) == Ok(SockType::SeqPacket)
}

/// False where the other end is gone. It may have gone with messages unread, which is ECONNRESET.
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
        let (launcher, daemon) = pair("{}").unwrap();
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
        let (_launcher, daemon) = pair("{}").unwrap();
        let inode = fd::inode(&daemon).unwrap();
        assert!(DaemonEnd::take_over(daemon.as_raw_fd(), inode + 1).unwrap().is_none());
        assert!(DaemonEnd::take_over(1_000_000, inode).unwrap().is_none());
    }

    #[test]
    fn messages_come_in_order_and_then_the_end() {
        let (launcher, daemon, _) = joined();
        assert_eq!(launcher.receive().unwrap(), Received::Nothing);
        daemon.send_error("first").unwrap();
        daemon.send_error(&"ä".repeat(LONGEST)).unwrap();
        daemon.send_ready(false).unwrap();
        assert_eq!(launcher.receive().unwrap(), Received::Message(Message::Error("first".into())));
        let Received::Message(Message::Error(long)) = launcher.receive().unwrap() else { panic!("no text") };
        assert_eq!(long, "ä".repeat((LONGEST - 1) / 2));
        assert_eq!(launcher.receive().unwrap(), Received::Message(Message::Ready));
        drop(daemon);
        assert_eq!(launcher.receive().unwrap(), Received::End);
    }

    #[test]
    fn telling_a_dead_launcher_is_no_error() {
        let (launcher, daemon, _) = joined();
        daemon.send_error("nobody reads this").unwrap();
        drop(launcher);
        daemon.send_error("nobody hears this").unwrap();
        assert!(daemon.is_cut().unwrap());
    }
}
