//! Any program as a daemon, started by a process that goes on.

use std::os::fd::{AsFd, RawFd};
use std::time::{Duration, Instant};

use super::output::{Opened, Output, Stderr, open_all};
use super::{FIRST_FREE, FailureReport, StartOutcome, end_late, introduce, reap_dead};
use crate::clone::credentials::Identity;
use crate::clone::plan::Plan;
use crate::clone::strings::Strings;
use crate::clone::{self, Daemon, Kinship};
use crate::daemon::pid_file::held::{self, Loan};
use crate::daemon::pid_file::status::{self, Status};
use crate::daemon::pid_file::{Claim, Locked, PATIENCE, PidFile};
use crate::daemon::systemd::Receiver;
use crate::descriptor::fd;
use crate::error::{During, Result};
use crate::sys::poll;

/// How many messages of others may stand before a dead daemon's last one: net.unix.max_dgram_qlen is 10, or 512.
const LAST_WORDS: usize = 1024;

/// What to start, and how.
pub struct DaemonLaunchOptions {
    pub program: Vec<u8>,
    pub argv: Strings,
    pub environment: Strings,
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
    /// The socket of the service manager, which must know a successor.
    pub manager: Option<String>,
}

/// The outcome of `prepare`.
pub enum Preparation {
    /// Another daemon has locked the pid file. Its pid, if known.
    AlreadyRunning {
        pid: Option<i32>,
    },
    Prepared(Box<PreparedDaemon>),
}

/// A daemon of which only the clone is missing. That waits until the kernel runs the child, and then until it runs us
/// again: a busy machine takes its time over both, so that it is for a thread that nobody waits for. Dropped, it has not
/// been.
pub struct PreparedDaemon {
    plan: Plan,
    opened: Vec<Opened>,
    stderr: Stderr,
    receiver: Option<Receiver>,
    pid_file: Option<Given>,
    /// The pid file, where that is locked, but nobody can be told to be its daemon yet: one that is being started, or has
    /// ended, may be gone in a moment.
    contended: Option<String>,
    /// The first descriptor that is free in it.
    next: RawFd,
    manager: Option<String>,
}

/// A daemon that has begun its program. Dropped, it is killed, and its pid file is what it was.
struct RunningDaemon {
    daemon: Daemon,
    receiver: Option<Receiver>,
    pid_file: Option<Given>,
    stderr: Stderr,
    manager: Option<String>,
}

/// How a daemon has come by its pid file.
enum Given {
    /// It is its own from the start.
    Own(Claim),
    /// It is the caller's until the daemon is ready.
    Lent(Loan),
}

/// Opens files, locks the pid file, and duplicates descriptors: those that were given may be closed as soon as this has
/// returned. Waits for nothing.
pub fn prepare(options: &DaemonLaunchOptions) -> Result<Preparation> {
    let Some(path) = &options.pid_file else {
        return Ok(Preparation::Prepared(Box::new(prepare_without_pid_file(options)?)));
    };
    let locked = match PidFile::lock(path, Duration::ZERO)? {
        Locked::Running(Some(pid)) => return Ok(Preparation::AlreadyRunning { pid: Some(pid) }),
        locked => Lock::of(locked)?,
    };
    let mut prepared = prepare_without_pid_file(options)?;
    match locked {
        Some(lock) => prepared.give(lock)?,
        None => prepared.contended = Some(path.clone()),
    }
    Ok(Preparation::Prepared(Box::new(prepared)))
}

/// A lock that a daemon can be given.
struct Lock {
    locked: Locked,
    loan: Option<Loan>,
}

impl Lock {
    /// None if it is another one's, or lent to one.
    fn of(locked: Locked) -> Result<Option<Self>> {
        let loan = match &locked {
            Locked::Running(_) | Locked::Starting => return Ok(None),
            Locked::Taken(_) => None,
            Locked::Held(file) => match held::lend(file)? {
                None => return Ok(None),
                loan => loan,
            },
        };
        Ok(Some(Self { locked, loan }))
    }
}

/// The daemon of a pid file, if that can be told.
fn running(path: &str) -> Result<Option<i32>> {
    match status::of(path)? {
        Status::Running(pid) => Ok(pid),
        Status::Starting | Status::Stopped => Ok(None),
    }
}

fn prepare_without_pid_file(options: &DaemonLaunchOptions) -> Result<PreparedDaemon> {
    let mut opened = open_all(&options.stdio, |output| match output {
        Output::Descriptor(number) => fd::duplicate(*number).map(Opened::Owned),
        output => output.open(options.umask, options.identity.as_ref()),
    })?;
    let stderr = Stderr::of(opened.remove(2));
    let receiver = options.notifies.then(Receiver::bind).transpose()?;
    let mut plan = Plan::new(&options.program, options.argv.clone(), options.environment.clone())?;
    plan.umask = Some(options.umask);
    plan.search()?;
    plan.exec_in(&options.cwd)?;
    if let Some(identity) = &options.identity {
        plan.become_user(identity.clone())?;
    }
    for name in &options.own_pid {
        plan.own_pid_variable(&format!("{name}="))?;
    }
    if let Some(receiver) = &receiver {
        plan.variable(&format!("NOTIFY_SOCKET={}", receiver.address()))?;
    }
    let outputs = opened[..2].iter().chain([&stderr.opened]).chain(&opened[2..]);
    for (target, output) in (0..).zip(outputs) {
        plan.place(output.number(), target)?;
    }
    for (target, &source) in (FIRST_FREE..).zip(&options.listen) {
        plan.place_owned(fd::duplicate(source)?, target)?;
    }
    let next = options.stdio.len().max(FIRST_FREE as usize + options.listen.len()) as RawFd;
    let manager = options.manager.clone();
    Ok(PreparedDaemon { plan, opened, stderr, receiver, pid_file: None, contended: None, next, manager })
}

impl PreparedDaemon {
    fn give(&mut self, Lock { locked, loan }: Lock) -> Result<()> {
        locked.give_to(&mut self.plan, self.next)?;
        if let Some(file) = locked.file() {
            self.plan.own_pid_variable(&held::marker(file, self.next)?)?;
        }
        self.pid_file = match locked {
            Locked::Taken(claim) => Some(Given::Own(claim)),
            _ => loan.map(Given::Lent),
        };
        Ok(())
    }

    /// Starts the daemon, and waits until it is ready.
    pub fn run(mut self, timeout: Duration) -> Result<StartOutcome> {
        if let Some(path) = self.contended.take() {
            match Lock::of(PidFile::lock(&path, PATIENCE)?)? {
                Some(lock) => self.give(lock)?,
                None => return Ok(StartOutcome::AlreadyRunning { pid: running(&path)? }),
            }
        }
        let deadline = Instant::now() + timeout;
        let Self { mut plan, mut opened, mut stderr, receiver, pid_file, manager, .. } = self;
        let daemon = clone::twice(&mut plan, Kinship::Orphan)?;
        // It runs: from here on, the logs are its own.
        opened.iter_mut().chain([&mut stderr.opened]).for_each(Opened::keep);
        // And so are the descriptors that it was given, but for the one whose tail we may have to read.
        drop((plan, opened));
        RunningDaemon { daemon, receiver, pid_file, stderr, manager }.wait(deadline)
    }
}

impl RunningDaemon {
    /// Waits until it is ready: at once, or when it has said so.
    fn wait(self, deadline: Instant) -> Result<StartOutcome> {
        let pid = self.daemon.pid();
        // What a dead one may have left to hear; the socket is open to others too.
        let mut unheard = LAST_WORDS;
        loop {
            let Some(receiver) = &self.receiver else { return self.ready(pid) };
            let timed_out = Instant::now() >= deadline;
            poll::wait(&[self.daemon.as_fd(), receiver.as_fd()], Some(deadline)).during("poll")?;
            // Asked before the socket is read: one that was ready and has ended since was ready.
            let dead = poll::is_readable(self.daemon.as_fd()).during("poll")?;
            let heard = receiver.receive()?;
            // Anybody can write to the socket: the kernel says who did.
            if let Some(message) = heard.as_ref().filter(|message| message.sender == pid)
                && message.ready
            {
                return self.ready(message.main_pid.unwrap_or(pid));
            }
            let end = match (dead, timed_out) {
                (true, _) if heard.is_none() || unheard == 0 => reap_dead,
                (true, _) => {
                    unheard -= 1;
                    continue;
                }
                (_, true) => end_late,
                _ => continue,
            };
            let report = FailureReport { error: None, stderr: self.stderr.tail() };
            let outcome = end(self.daemon, report)?;
            if let Some(Given::Own(claim)) = self.pid_file
                && outcome.leaves_daemon()
            {
                claim.keep();
            }
            return Ok(outcome);
        }
    }

    fn ready(self, pid: i32) -> Result<StartOutcome> {
        let handed_over = matches!(self.pid_file, Some(Given::Lent(_)));
        match self.pid_file {
            Some(Given::Lent(loan)) => loan.settle(pid)?,
            Some(Given::Own(claim)) => {
                // It has written its pid itself, but may have made a daemon of itself since.
                if let Some(file) = claim.file().filter(|_| pid != self.daemon.pid()) {
                    file.write(pid)?;
                }
                claim.keep();
            }
            None => {}
        }
        self.daemon.release();
        // Send WATCHDOG=1 too: systemd keeps the watchdog interval of the previous main process. Two reloads within one
        // interval would end the service.
        let manager = self.manager.as_deref().filter(|_| handed_over);
        let introduced = introduce(manager, pid, "WATCHDOG=1");
        // Close this socket only now: a successor waits for its end before it sends messages to the manager itself.
        drop(self.receiver);
        Ok(StartOutcome::Ready { pid, handed_over, introduced })
    }
}
