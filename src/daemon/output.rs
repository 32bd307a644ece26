//! Where a daemon's output goes, and what it wrote before it was ready.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;

use nix::sys::stat;

use super::log;
use crate::clone::credentials::Identity;
use crate::descriptor::fd;
use crate::error::{During, Result};
use crate::sys;
use crate::sys::c_string;

/// How much of the output an error quotes.
const TAIL: u64 = 64 * 1024;

/// One of a daemon's standard streams, as the caller asked for it.
#[derive(Debug, Clone)]
pub enum Output {
    /// /dev/null
    Ignore,
    /// A file to append to.
    File(String),
    /// A descriptor of the launcher's.
    Descriptor(RawFd),
}

/// The same, opened.
#[derive(Debug)]
pub enum Opened {
    Borrowed(RawFd),
    Owned(OwnedFd),
    /// A file that was not there before: it is removed when this is dropped, unless it is kept.
    Created(OwnedFd, String),
}

impl Opened {
    pub fn number(&self) -> RawFd {
        match self {
            Self::Borrowed(fd) => *fd,
            Self::Owned(fd) | Self::Created(fd, _) => fd.as_raw_fd(),
        }
    }

    /// Lets a created file stay.
    pub fn keep(&mut self) {
        if let Self::Created(_, path) = self {
            path.clear();
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if let Self::Created(file, path) = self
            && let Ok(path) = c_string(path)
            && !path.is_empty()
        {
            // Report the error of the failed start, not this one.
            let _ = fd::remove_own(&path, file);
        }
    }
}

impl Output {
    /// Opens the output as the daemon would, with the daemon's umask. A new file belongs to `owner`, or else to the caller.
    pub fn open(&self, umask: u32, owner: Option<&Identity>) -> Result<Opened> {
        match self {
            Self::Ignore => fd::dev_null().map(Opened::Owned),
            Self::Descriptor(number) => fd::require_open(*number).map(|()| Opened::Borrowed(*number)),
            Self::File(path) => {
                let (fd, created) = log::open(path, 0o666 & !umask, owner)?;
                Ok(if created { Opened::Created(fd, path.clone()) } else { Opened::Owned(fd) })
            }
        }
    }

    /// Returns the open file of an earlier output with the same path. A second open(2) could open another file: a rotation can
    /// rename the first file in between.
    pub fn shared<'a>(&self, earlier: impl IntoIterator<Item = (&'a Self, &'a Opened)>) -> Option<Opened> {
        let Self::File(path) = self else { return None };
        let mut same =
            earlier.into_iter().filter(|(output, _)| matches!(output, Self::File(one) if one == path));
        same.next().map(|(_, opened)| Opened::Borrowed(opened.number()))
    }
}

/// Opens outputs in their order, each path once.
pub fn open_all(outputs: &[Output], open: impl Fn(&Output) -> Result<Opened>) -> Result<Vec<Opened>> {
    let mut opened = Vec::with_capacity(outputs.len());
    for output in outputs {
        opened.push(output.shared(outputs.iter().zip(&opened)).map_or_else(|| open(output), Ok)?);
    }
    Ok(opened)
}

/// A daemon's standard error until it is ready. What it would throw away is kept in memory; the daemon turns to
/// /dev/null by [`discard_stderr`] once it is ready.
pub struct Stderr {
    pub opened: Opened,
    /// Where this start's output begins: a log may have a past.
    begins: u64,
}

impl Stderr {
    pub fn open(output: &Output, umask: u32, owner: Option<&Identity>) -> Result<Self> {
        let opened = match output {
            // RLIMIT_FSIZE limits writes to memory, but not to /dev/null. Writes to an ignored output must not fail.
            Output::Ignore if sys::process::may_write_any_size().during("getrlimit")? => {
                let memory = sys::fd::memory_file(c"procnative-stderr").during("memfd_create")?;
                Opened::Owned(memory)
            }
            output => output.open(umask, owner)?,
        };
        Ok(Self::of(opened))
    }

    /// What is written to an output from now on.
    pub fn of(opened: Opened) -> Self {
        let begins = length(&opened);
        Self { opened, begins }
    }

    /// The last 64 KiB that were written to it, where it is a file that we may read.
    pub fn tail(&self) -> String {
        let end = length(&self.opened);
        let start = self.begins.max(end.saturating_sub(TAIL));
        let Some(size) = end.checked_sub(start).filter(|size| *size > 0) else { return String::new() };
        let mut text = vec![0; size as usize];
        // Opened anew, because a log is open for writing only.
        let path = format!("/proc/self/fd/{}", self.opened.number());
        match File::open(path).and_then(|file| file.read_exact_at(&mut text, start)) {
            Ok(()) => String::from_utf8_lossy(&text).into_owned(),
            // Written for somebody else's eyes only, or cut off meanwhile: the error goes without it.
            Err(_) => String::new(),
        }
    }
}

/// The length of a regular file; 0 for all else, which therefore has no tail.
fn length(opened: &Opened) -> u64 {
    let stat = stat::fstat(sys::fd::borrow(opened.number()));
    stat.ok()
        .filter(|stat| stat.st_mode & libc::S_IFMT == libc::S_IFREG)
        .map_or(0, |stat| stat.st_size as u64)
}

/// Turns standard error to /dev/null, for good.
pub fn discard_stderr() -> Result<()> {
    sys::fd::replace(libc::STDERR_FILENO, fd::dev_null()?.as_raw_fd()).during("dup2")
}

/// Opens log files anew and puts them in the place of the descriptors that had them. All are opened before any is
/// replaced; what is written meanwhile goes to the one file or the other, because dup2(2) leaves no gap.
pub fn reopen(logs: &[(RawFd, String)], umask: u32) -> Result<()> {
    let outputs: Vec<_> = logs.iter().map(|(_, path)| Output::File(path.clone())).collect();
    let mut opened = open_all(&outputs, |output| output.open(umask, None))?;
    for ((descriptor, _), log) in logs.iter().zip(&mut opened) {
        sys::fd::replace(*descriptor, log.number()).during("dup2")?;
        log.keep();
    }
    Ok(())
}
