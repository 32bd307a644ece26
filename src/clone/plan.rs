//! The plan of a new process, checked and allocated before the clone.

use std::ffi::CString;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

use crate::clone::child::Move;
use crate::clone::credentials::Identity;
use crate::clone::strings::Strings;
use crate::error::{Error, Result};
use crate::sys::c_string;

/// The path that execvp(3) uses if PATH is absent.
const STANDARD_PATH: &[u8] = b"/bin:/usr/bin";
/// Digits of the largest pid.
const PID_DIGITS: usize = 10;

/// A plan for one new process. The process gets only the descriptors that are placed here.
#[derive(Debug)]
pub struct Plan {
    /// The program as the caller named it, for the error.
    pub(crate) program: CString,
    /// Paths to try.
    pub(crate) candidates: Vec<CString>,
    pub(crate) argv: Strings,
    pub(crate) environment: Strings,
    pub(crate) own_pid: Vec<OwnPid>,
    pub(crate) directory: Option<CString>,
    pub(crate) enterable: Option<Enterable>,
    pub(crate) moves: Vec<Move>,
    /// None: the caller's umask.
    pub umask: Option<u32>,
    pub job: Job,
    /// The signal that the process gets when the caller dies.
    pub death_signal: Option<i32>,
    pub(crate) identity: Option<Identity>,
    pub(crate) pid_file: Option<OwnPidFile>,
    /// Descriptors that live as long as the plan, because a move names them.
    owned: Vec<OwnedFd>,
}

/// Session, process group and terminal of a new process.
#[derive(Debug, Default)]
pub struct Job {
    /// True if the process leads a new session.
    pub session: bool,
    /// The process group to join; 0: lead a new group; None: stay in the caller's group.
    pub group: Option<i32>,
    /// The controlling terminal of the new session.
    pub controlling_terminal: Option<RawFd>,
    /// A terminal whose foreground the process group takes.
    pub foreground: Option<RawFd>,
}

/// An environment variable that ends in the pid of the new process.
#[derive(Debug)]
pub(crate) struct OwnPid {
    /// `NAME=`, and room for the digits and a NUL, which the child writes.
    pub(crate) variable: Vec<u8>,
    /// The index of the first digit.
    pub(crate) digits: usize,
}

/// A pid file that the new process writes its pid to. The lock of the file passes to the new process.
#[derive(Debug)]
pub(crate) struct OwnPidFile {
    /// The descriptor of the file in the new process.
    pub(crate) target: RawFd,
    /// The path of the file, for the error.
    pub(crate) path: CString,
}

/// A directory that the new program will enter itself.
#[derive(Debug)]
pub(crate) struct Enterable {
    /// The directory as the caller named it, for the error.
    pub(crate) named: CString,
    /// `named/.`: a check for search permission on this path fails whenever chdir(2) fails.
    pub(crate) probe: CString,
}

impl Plan {
    pub fn new(program: &(impl AsRef<[u8]> + ?Sized), argv: Strings, environment: Strings) -> Result<Self> {
        let program = c_string(program)?;
        Ok(Self {
            candidates: vec![program.clone()],
            program,
            argv,
            environment,
            own_pid: Vec::new(),
            directory: None,
            enterable: None,
            moves: Vec::new(),
            umask: None,
            job: Job::default(),
            death_signal: None,
            identity: None,
            pid_file: None,
            owned: Vec::new(),
        })
    }

    /// Looks for the program as execvp(3) does. A name without a slash is searched for in PATH of the new environment.
    /// An empty directory in PATH means the current directory.
    pub fn search(&mut self) -> Result<()> {
        let program = self.program.as_bytes();
        if program.contains(&b'/') {
            return Ok(());
        }
        self.candidates = self
            .environment
            .variable("PATH")
            .unwrap_or(STANDARD_PATH)
            .split(|&byte| byte == b':')
            .map(|directory| if directory.is_empty() { b"." } else { directory })
            .map(|directory| c_string(&[directory, b"/", program].concat()))
            .collect::<Result<_>>()?;
        Ok(())
    }

    /// Adds an environment variable, `NAME=value`.
    pub fn variable(&mut self, variable: &str) -> Result<()> {
        self.environment.push(&c_string(variable)?);
        Ok(())
    }

    /// Makes the new process write its pid to its descriptor `target` before the exec. `path` is for the error.
    pub fn write_pid_to(&mut self, target: RawFd, path: CString) {
        self.pid_file = Some(OwnPidFile { target, path });
    }

    /// Sets the working directory for the exec.
    pub fn exec_in(&mut self, directory: &(impl AsRef<[u8]> + ?Sized)) -> Result<()> {
        self.directory = Some(c_string(directory)?);
        Ok(())
    }

    /// Makes the launch fail, as chdir(2) would, if the new process may not enter `directory`.
    pub fn must_enter(&mut self, directory: &str) -> Result<()> {
        let named = c_string(directory)?;
        if directory.len() >= libc::PATH_MAX as usize {
            return Err(Error { syscall: "chdir", errno: Errno::ENAMETOOLONG, path: Some(named) });
        }
        let probe = c_string(&format!("{directory}/."))?;
        self.enterable = Some(Enterable { named, probe });
        Ok(())
    }

    /// Sets the credentials of the new process, unless the caller already has them.
    pub fn become_user(&mut self, identity: Identity) -> Result<()> {
        if !identity.is_current()? {
            self.identity = Some(identity);
        }
        Ok(())
    }

    /// Adds the variable `prefix` followed by the new process's pid; `prefix` ends in `=` or a separator.
    pub fn own_pid_variable(&mut self, prefix: &str) -> Result<()> {
        let mut variable = c_string(prefix)?.into_bytes();
        let digits = variable.len();
        variable.resize(digits + PID_DIGITS + 1, 0);
        self.own_pid.push(OwnPid { variable, digits });
        Ok(())
    }

    /// Gives the new process the caller's descriptor `source` as `target`. The caller must keep `source` open until the
    /// start.
    pub fn place(&mut self, source: RawFd, target: RawFd) -> Result<()> {
        crate::descriptor::fd::require_open(source)?;
        match self.moves.binary_search_by_key(&target, |one| one.target) {
            Ok(_) => Err(Error { syscall: "dup2", errno: Errno::EINVAL, path: None }),
            Err(at) => {
                self.moves.insert(at, Move { source, target });
                Ok(())
            }
        }
    }

    /// Like `place`, but takes over `source`, and closes it when the plan is dropped.
    pub fn place_owned(&mut self, source: OwnedFd, target: RawFd) -> Result<()> {
        self.place(source.as_raw_fd(), target)?;
        self.owned.push(source);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan::new("/bin/true", Strings::of_block(b"true".to_vec()), Strings::default()).unwrap()
    }

    #[test]
    fn moves_are_sorted_by_target() {
        let mut plan = plan();
        for target in [5, 0, 3] {
            plan.place(0, target).unwrap();
        }
        let targets: Vec<_> = plan.moves.iter().map(|one| one.target).collect();
        assert_eq!(targets, [0, 3, 5]);
    }

    #[test]
    fn a_target_cannot_be_placed_twice() {
        let mut plan = plan();
        plan.place(0, 7).unwrap();
        assert_eq!(plan.place(1, 7).unwrap_err().errno, Errno::EINVAL);
    }

    #[test]
    fn a_closed_descriptor_cannot_be_placed() {
        assert_eq!(plan().place(1_000_000, 3).unwrap_err().errno, Errno::EBADF);
    }

    #[test]
    fn a_nul_byte_is_refused() {
        let plan = Plan::new("/bin/\0", Strings::default(), Strings::default());
        assert_eq!(plan.unwrap_err().errno, Errno::EINVAL);
    }
}
