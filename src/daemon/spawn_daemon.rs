//! Starts any program as a daemon, while the caller goes on.

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
use crate::daemon::pid_file::{Claim, Locked, PidFile, SETTLE_TIMEOUT};
use crate::daemon::systemd::Receiver;
use crate::descriptor::fd;
use crate::error::{During, Result};
use crate::sys::poll;

/// The most messages that are read after the death of a daemon. Messages of other processes may stand in the queue
/// before the daemon's last message. The length of the queue is 10 or 512 (net.unix.max_dgram_qlen).
const MAX_MESSAGES_AFTER_DEATH: usize = 1024;

/// The launch options of spawnDaemon().
pub struct DaemonLaunchOptions {
    pub program: Vec<u8>,
    pub argv: Strings,
    pub environment: Strings,
    /// The directory to exec in.
    pub cwd: String,
    pub umask: u32,
    pub identity: Option<Identity>,
    /// The daemon's descriptors 0, 1, 2, …
    pub stdio: Vec<Output>,
    /// Sockets that become the daemon's descriptors 3, 4, …
    pub listen: Vec<RawFd>,
    /// Names of variables that will have the daemon's pid as their value.
    pub own_pid: Vec<String>,
    pub pid_file: Option<String>,
    /// True if the daemon sends READY=1 when it is ready. It gets a NOTIFY_SOCKET of ours for that.
    pub notifies: bool,
    /// The NOTIFY_SOCKET of the service manager, which must learn a successor's pid.
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

/// A daemon that is ready for the clone. Dropping it removes the new files and gives the pid file back.
///
/// The clone belongs on a thread of its own. It waits until the kernel runs the child, and then until the kernel runs
/// the caller again. Both may take long on a busy machine.
pub struct PreparedDaemon {
    plan: Plan,
    opened: Vec<Opened>,
    stderr: Stderr,
    receiver: Option<Receiver>,
    pid_file: Option<DaemonPidFile>,
    /// The path of a pid file that is locked by a process without a known pid. The process may release the lock soon:
    /// it is being started, or it has ended.
    contended: Option<String>,
    /// The first free descriptor of the daemon.
    next: RawFd,
    manager: Option<String>,
}

/// A daemon that has begun its program. Dropping it kills the daemon and gives the pid file back.
struct RunningDaemon {
    daemon: Daemon,
    receiver: Option<Receiver>,
    pid_file: Option<DaemonPidFile>,
    stderr: Stderr,
    manager: Option<String>,
}

/// The pid file of a daemon.
enum DaemonPidFile {
    /// The file was locked for this daemon.
    Own(Claim),
    /// The file belongs to the caller until the daemon is ready.
    Lent(Loan),
}

/// Opens files, locks the pid file and duplicates descriptors. Never waits. After the return, the caller may close its
/// descriptors.
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
        Some(lock) => prepared.give_lock(lock)?,
        None => prepared.contended = Some(path.clone()),
    }
    Ok(Preparation::Prepared(Box::new(prepared)))
}

/// A lock that a daemon can get.
struct Lock {
    locked: Locked,
    loan: Option<Loan>,
}

impl Lock {
    /// Returns None if another process holds the lock, or if the lock is lent to a successor.
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

/// Returns the pid of a pid file's daemon, or None if it is unknown.
fn find_pid(path: &str) -> Result<Option<i32>> {
    match status::read(path)? {
        Status::Running(pid) => Ok(pid),
        Status::Starting | Status::Stopped => Ok(None),
    }
}

/// Does everything that `prepare` does, except for the pid file.
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
    /// Puts a lock into the plan.
    fn give_lock(&mut self, Lock { locked, loan }: Lock) -> Result<()> {
        locked.give_to(&mut self.plan, self.next)?;
        if let Some(file) = locked.file() {
            self.plan.own_pid_variable(&held::build_marker(file, self.next)?)?;
        }
        self.pid_file = match locked {
            Locked::Taken(claim) => Some(DaemonPidFile::Own(claim)),
            _ => loan.map(DaemonPidFile::Lent),
        };
        Ok(())
    }

    /// Starts the daemon, and waits until it is ready.
    pub fn run(mut self, timeout: Duration) -> Result<StartOutcome> {
        if let Some(path) = self.contended.take() {
            match Lock::of(PidFile::lock(&path, SETTLE_TIMEOUT)?)? {
                Some(lock) => self.give_lock(lock)?,
                None => return Ok(StartOutcome::AlreadyRunning { pid: find_pid(&path)? }),
            }
        }
        let deadline = Instant::now() + timeout;
        let Self { mut plan, mut opened, mut stderr, receiver, pid_file, manager, .. } = self;
        let daemon = clone::twice(&mut plan, Kinship::Orphan)?;
        // The daemon runs, so its logs stay.
        opened.iter_mut().chain([&mut stderr.opened]).for_each(Opened::keep);
        // The daemon has its own copies of the descriptors. Keep only its standard error, which an error may quote.
        drop((plan, opened));
        RunningDaemon { daemon, receiver, pid_file, stderr, manager }.wait(deadline)
    }
}

impl RunningDaemon {
    /// Waits until the daemon is ready: at once, or until it has sent READY=1.
    fn wait(self, deadline: Instant) -> Result<StartOutcome> {
        let pid = self.daemon.pid();
        // Messages of a dead daemon may still be unread. Other processes can also send to the socket.
        let mut reads_left = MAX_MESSAGES_AFTER_DEATH;
        loop {
            let Some(receiver) = &self.receiver else { return self.finish(pid) };
            let is_late = Instant::now() >= deadline;
            poll::wait(&[self.daemon.as_fd(), receiver.as_fd()], Some(deadline)).during("poll")?;
            // Check for death before reading the socket:
            // 1. The daemon sends READY=1, and ends.
            // 2. This thread sees the death here, and then reads the message: the daemon was ready.
            // In the other order, the message could arrive after the read and before the death is seen.
            let dead = poll::is_readable(self.daemon.as_fd()).during("poll")?;
            let received = receiver.receive()?;
            // Any process can write to the socket. Believe only the daemon, by the pid that the kernel reports.
            if let Some(message) = received.as_ref().filter(|message| message.sender == pid)
                && message.ready
            {
                return self.finish(message.main_pid.unwrap_or(pid));
            }
            let end = match (dead, is_late) {
                (true, _) if received.is_none() || reads_left == 0 => reap_dead,
                (true, _) => {
                    reads_left -= 1;
                    continue;
                }
                (_, true) => end_late,
                _ => continue,
            };
            let report = FailureReport { error: None, stderr: self.stderr.tail() };
            let outcome = end(self.daemon, report)?;
            if let Some(DaemonPidFile::Own(claim)) = self.pid_file
                && outcome.leaves_daemon()
            {
                claim.keep();
            }
            return Ok(outcome);
        }
    }

    /// Hands the pid file to the daemon, and releases the daemon.
    fn finish(self, pid: i32) -> Result<StartOutcome> {
        let handed_over = matches!(self.pid_file, Some(DaemonPidFile::Lent(_)));
        match self.pid_file {
            Some(DaemonPidFile::Lent(loan)) => loan.hand_over(pid)?,
            Some(DaemonPidFile::Own(claim)) => {
                // The child has written its own pid before its exec. By MAINPID= it may have named another process
                // since.
                if let Some(file) = claim.file().filter(|_| pid != self.daemon.pid()) {
                    file.write(pid)?;
                }
                claim.keep();
            }
            None => {}
        }
        self.daemon.release();
        // Send WATCHDOG=1 too, because systemd keeps the running watchdog interval of the previous main process.
        // Otherwise two reloads within one interval would end the service.
        let manager = self.manager.as_deref().filter(|_| handed_over);
        let introduced = introduce(manager, pid, "WATCHDOG=1");
        // Close this socket only now: a successor waits for that before it sends messages to the manager itself.
        drop(self.receiver);
        Ok(StartOutcome::Ready { pid, handed_over, introduced })
    }
}
