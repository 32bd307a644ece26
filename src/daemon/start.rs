//! Any program as a daemon, started by a process that goes on.

use std::os::fd::{AsFd, RawFd};
use std::time::Instant;

use super::output::{Opened, Output, Stderr};
use super::{FIRST_FREE, Outcome, Said, died, late};
use crate::error::{During, Result};
use crate::fd;
use crate::identity::Identity;
use crate::notify::Receiver;
use crate::pid_file::{Locked, PidFile};
use crate::plan::Plan;
use crate::spawn::{self, Daemon, Kinship};
use crate::sys::poll;

/// What to start, and how.
pub struct Orders {
    pub program: String,
    /// Where a program without a slash is looked for: PATH.
    pub path: String,
    pub argv: Vec<String>,
    pub environment: Vec<String>,
    /// Where to exec.
    pub cwd: String,
    pub umask: u32,
    pub identity: Option<Identity>,
    /// What 0, 1, 2, … are to be.
    pub stdio: Vec<Output>,
    /// Descriptors that become 3, 4, …
    pub listen: Vec<RawFd>,
    /// Variables that are to hold the daemon's pid.
    pub own_pid: Vec<String>,
    pub pid_file: Option<String>,
    /// Whether it will say READY=1, to a NOTIFY_SOCKET that it is given for that.
    pub notifies: bool,
}

/// A daemon that was started, or was there.
pub enum Started {
    AlreadyRunning { pid: Option<i32> },
    Running(Running),
}

/// A daemon that has begun its program. Dropped, it is killed, and its pid file removed.
pub struct Running {
    daemon: Daemon,
    receiver: Option<Receiver>,
    pid_file: Option<Locked>,
    stderr: Stderr,
}

/// Starts it. Files are opened, and the pid file is locked, before anything is cloned; descriptors may be closed as
/// soon as this has returned.
pub fn start(orders: &Orders) -> Result<Started> {
    for &descriptor in &orders.listen {
        fd::require_open(descriptor)?;
    }
    let pid_file = orders.pid_file.as_deref().map(PidFile::lock).transpose()?;
    if let Some(Locked::Running(pid)) = pid_file {
        return Ok(Started::AlreadyRunning { pid });
    }
    let (daemon, receiver, stderr) = run(orders, pid_file.as_ref())?;
    Ok(Started::Running(Running { daemon, receiver, pid_file, stderr }))
}

fn run(orders: &Orders, pid_file: Option<&Locked>) -> Result<(Daemon, Option<Receiver>, Stderr)> {
    let mut opened = Vec::with_capacity(orders.stdio.len());
    for output in &orders.stdio {
        opened.push(output.open(orders.umask)?);
    }
    let mut stderr = Stderr::of(opened.remove(2));
    let receiver = orders.notifies.then(Receiver::bind).transpose()?;
    let mut plan = Plan::new(&orders.program, &orders.argv, &orders.environment, orders.umask)?;
    plan.search(&orders.path)?;
    plan.exec_in(&orders.cwd)?;
    if let Some(identity) = &orders.identity {
        plan.become_user(identity.clone())?;
    }
    for name in &orders.own_pid {
        plan.own_pid_variable(&format!("{name}="))?;
    }
    if let Some(receiver) = &receiver {
        plan.variable(&format!("NOTIFY_SOCKET={}", receiver.address()))?;
    }
    let outputs = opened[..2].iter().chain([&stderr.opened]).chain(&opened[2..]);
    for (target, output) in (0..).zip(outputs) {
        plan.place(output.number(), target)?;
    }
    for (target, &source) in (FIRST_FREE..).zip(&orders.listen) {
        plan.place(source, target)?;
    }
    let next = orders.stdio.len().max(FIRST_FREE as usize + orders.listen.len()) as RawFd;
    if let Some((locked, file)) = pid_file.and_then(|locked| Some((locked, locked.file()?))) {
        match locked {
            // The pid in it is the predecessor's until this one is ready.
            Locked::Held(_) => plan.hand_over(file, next)?,
            _ => plan.write_pid(file, next)?,
        }
    }
    let daemon = spawn::daemon(&mut plan, Kinship::Orphan)?;
    opened.iter_mut().chain([&mut stderr.opened]).for_each(Opened::keep);
    Ok((daemon, receiver, stderr))
}

impl Running {
    /// Whether there is something to wait for.
    pub fn notifies(&self) -> bool {
        self.receiver.is_some()
    }

    /// Waits until it is ready: at once, or when it has said so.
    pub fn wait(self, deadline: Instant) -> Result<Outcome> {
        let pid = self.daemon.pid();
        loop {
            let Some(receiver) = &self.receiver else { return self.ready(pid) };
            let watched = [self.daemon.as_fd(), receiver.as_fd()];
            let timed_out = !poll::wait(&watched, Some(deadline)).during("poll")?;
            // Asked before the socket is read: one that was ready and has ended since was ready.
            let dead = poll::is_readable(self.daemon.as_fd()).during("poll")?;
            let heard = receiver.receive()?;
            // Anybody can write to the socket: the kernel says who did.
            if let Some(message) = heard.as_ref().filter(|message| message.sender == pid)
                && message.ready
            {
                return self.ready(message.main_pid.unwrap_or(pid));
            }
            let end = match (dead && heard.is_none(), timed_out) {
                (true, _) => died,
                (_, true) => late,
                _ => continue,
            };
            let said = Said { trouble: None, stderr: self.stderr.tail() };
            let outcome = end(self.daemon, said)?;
            if outcome.leaves_daemon() {
                self.pid_file.and_then(Locked::into_file);
            }
            return Ok(outcome);
        }
    }

    fn ready(self, pid: i32) -> Result<Outcome> {
        let own = pid == self.daemon.pid();
        let handed_over = matches!(self.pid_file, Some(Locked::Held(_)));
        match self.pid_file {
            // It has written its pid itself; but it may have made a daemon of itself since.
            Some(Locked::Taken(_)) if own => {}
            // Its predecessor's is there.
            Some(ref locked) => locked.file().map_or(Ok(()), |file| file.write(pid))?,
            None => {}
        }
        self.pid_file.and_then(Locked::into_file);
        self.daemon.release();
        Ok(Outcome::Ready { pid, handed_over })
    }
}
