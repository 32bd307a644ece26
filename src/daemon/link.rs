//! The link between a launcher and its daemon: a pair of seqpacket sockets, closed at readiness.
//!
//! Launcher to daemon: one message, its settings. Daemon to launcher: any number of [`Message::Trouble`], the
//! text of an error that may end it, and at most one [`Message::Ready`]. End of file: the daemon is gone.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::socket::{self, AddressFamily, MsgFlags, SockFlag, SockType};

use crate::error::{During, Result};
use crate::{fd, sys};

/// The longest message; a socket's send buffer is larger by default.
pub const LONGEST: usize = 64 * 1024;

const READY: u8 = b'R';
const TROUBLE: u8 = b'T';

/// The environment variable by which a process finds out that it is a daemon: `DESCRIPTOR:INODE:PID`. With the
/// pid of another process it means nothing, and so it does where the descriptor is another file.
pub const MARKER: &str = "PROCNATIVE_DAEMON";

/// What the daemon says.
#[derive(Debug, PartialEq, Eq)]
pub enum Message {
    Ready,
    Trouble(String),
}

/// The launcher's end.
pub struct LauncherEnd(OwnedFd);

/// The daemon's end.
pub struct DaemonEnd(OwnedFd);

/// Makes a link and puts `settings` into it.
pub fn pair(settings: &str) -> Result<(LauncherEnd, OwnedFd)> {
    let kind = (AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC);
    let (ours, theirs) = socket::socketpair(kind.0, kind.1, None, kind.2).during("socketpair")?;
    send(&ours, settings.as_bytes())?;
    Ok((LauncherEnd(ours), theirs))
}

impl LauncherEnd {
    /// The next message, None at end of file, EAGAIN where there is none yet.
    pub fn receive(&self) -> Result<Option<Message>> {
        let mut buffer = vec![0; LONGEST];
        let length = receive(&self.0, &mut buffer)?;
        Ok(buffer[..length].split_first().map(|(kind, text)| match *kind {
            READY => Message::Ready,
            _ => Message::Trouble(String::from_utf8_lossy(text).into_owned()),
        }))
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
    pub fn join(descriptor: RawFd, inode: u64) -> Result<Option<(Self, String)>> {
        if fd::inode(sys::fd::borrow(descriptor)).ok() != Some(inode) {
            return Ok(None);
        }
        // SAFETY: the launcher gave us this socket at this number, and the marker is read once.
        #[allow(unsafe_code)]
        let socket = unsafe { sys::fd::adopt(descriptor) };
        let mut buffer = vec![0; LONGEST];
        let length = receive(&socket, &mut buffer)?;
        Ok(Some((Self(socket), String::from_utf8_lossy(&buffer[..length]).into_owned())))
    }

    /// Tells of an error that may be the end. A launcher that is gone can't hear it, and need not.
    pub fn tell(&self, text: &str) -> Result<()> {
        let room = (0..LONGEST).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let message = [&[TROUBLE], &text.as_bytes()[..room]].concat();
        match send(&self.0, &message) {
            Err(error) if error.errno == Errno::EPIPE => Ok(()),
            result => result,
        }
    }

    /// Releases the launcher, or dies with it where it has died: the death signal is cleared first, because a
    /// launcher ends as soon as it hears of readiness.
    pub fn ready(self) -> Result<()> {
        sys::process::set_parent_death_signal(0).during("prctl")?;
        match send(&self.0, &[READY]) {
            Err(error) if error.errno == Errno::EPIPE => {
                sys::process::send_to_self(Signal::SIGKILL as i32).during("kill")
            }
            result => result,
        }
    }
}

fn send(socket: &OwnedFd, message: &[u8]) -> Result<()> {
    socket::send(socket.as_raw_fd(), message, MsgFlags::MSG_NOSIGNAL).during("send").map(drop)
}

fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> Result<usize> {
    socket::recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT).during("recv")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined() -> (LauncherEnd, DaemonEnd, String) {
        let (launcher, daemon) = pair("{}").unwrap();
        let inode = fd::inode(&daemon).unwrap();
        let (end, settings) =
            DaemonEnd::join(std::os::fd::IntoRawFd::into_raw_fd(daemon), inode).unwrap().unwrap();
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
        assert!(DaemonEnd::join(daemon.as_raw_fd(), inode + 1).unwrap().is_none());
        assert!(DaemonEnd::join(1_000_000, inode).unwrap().is_none());
    }

    #[test]
    fn messages_come_in_order_and_then_the_end() {
        let (launcher, daemon, _) = joined();
        assert_eq!(launcher.receive().unwrap_err().errno, Errno::EAGAIN);
        daemon.tell("first").unwrap();
        daemon.tell(&"ä".repeat(LONGEST)).unwrap();
        daemon.ready().unwrap();
        assert_eq!(launcher.receive().unwrap(), Some(Message::Trouble("first".into())));
        let Some(Message::Trouble(long)) = launcher.receive().unwrap() else { panic!("no text") };
        assert_eq!(long, "ä".repeat((LONGEST - 1) / 2));
        assert_eq!(launcher.receive().unwrap(), Some(Message::Ready));
        assert_eq!(launcher.receive().unwrap(), None);
    }

    #[test]
    fn telling_a_dead_launcher_is_no_error() {
        let (launcher, daemon, _) = joined();
        drop(launcher);
        daemon.tell("nobody hears this").unwrap();
    }
}
