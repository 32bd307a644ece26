//! The output of a daemon, and the text that a daemon wrote before it was ready.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;

use nix::sys::stat;

use super::log;
use crate::clone::credentials::Identity;
use crate::descriptor::fd;
use crate::descriptor::remove;
use crate::error::{During, Result};
use crate::sys;
use crate::sys::c_string;

/// The most that an error quotes from the output.
const MAX_TAIL_BYTES: u64 = 64 * 1024;

/// A standard stream of a daemon, as the caller has requested it.
#[derive(Debug, Clone)]
pub enum Output {
    /// /dev/null
    Ignore,
    /// A file to append to.
    File(String),
    /// A descriptor of the launcher.
    Descriptor(RawFd),
}

/// An opened output.
#[derive(Debug)]
pub enum Opened {
    Borrowed(RawFd),
    Owned(OwnedFd),
    /// A new file and its path. Dropping this removes the file, unless `keep` was called.
    Created(OwnedFd, String),
}

impl Opened {
    pub fn number(&self) -> RawFd {
        match self {
            Self::Borrowed(fd) => *fd,
            Self::Owned(fd) | Self::Created(fd, _) => fd.as_raw_fd(),
        }
    }

    /// Makes a new file stay.
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
            let _ = remove::remove_own(&path, file);
        }
    }
}

impl Output {
    /// Opens the output as the daemon would, with the daemon's umask. A new file belongs to `owner`, or else to the
    /// caller.
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

    /// Returns the open file of an earlier output with the same path. A second open(2) could open another file: a
    /// rotation can rename the first file in between.
    pub fn shared<'a>(&self, earlier: impl IntoIterator<Item = (&'a Self, &'a Opened)>) -> Option<Opened> {
        let Self::File(path) = self else { return None };
        let mut same =
            earlier.into_iter().filter(|(output, _)| matches!(output, Self::File(one) if one == path));
        same.next().map(|(_, opened)| Opened::Borrowed(opened.number()))
    }
}

/// Opens the outputs in their order, and each path once.
pub fn open_all(outputs: &[Output], open: impl Fn(&Output) -> Result<Opened>) -> Result<Vec<Opened>> {
    let mut opened = Vec::with_capacity(outputs.len());
    for output in outputs {
        opened.push(output.shared(outputs.iter().zip(&opened)).map_or_else(|| open(output), Ok)?);
    }
    Ok(opened)
}

/// The standard error of a daemon until it is ready. An ignored output goes to memory, so that an error can quote it.
/// The daemon calls [`discard_stderr`] once it is ready.
pub struct Stderr {
    pub opened: Opened,
    /// The length of the file before this start. A log may have output of earlier starts.
    begins: u64,
}

impl Stderr {
    /// Opens the output. Opens a file in memory for an ignored output.
    pub fn open(output: &Output, umask: u32, owner: Option<&Identity>) -> Result<Self> {
        let opened = match output {
            // RLIMIT_FSIZE limits writes to memory, but not to /dev/null, see getrlimit(2). Writes to an ignored output
            // must not fail.
            Output::Ignore if sys::process::may_write_any_size().during("getrlimit")? => {
                let memory = sys::fd::memory_file(c"procnative-stderr").during("memfd_create")?;
                Opened::Owned(memory)
            }
            output => output.open(umask, owner)?,
        };
        Ok(Self::of(opened))
    }

    /// Returns the standard error of a start that begins now.
    pub fn of(opened: Opened) -> Self {
        let begins = length(&opened);
        Self { opened, begins }
    }

    /// Returns the last 64 KiB of this start's output. Returns an empty string if the output is no file that we may
    /// read.
    pub fn tail(&self) -> String {
        let end = length(&self.opened);
        let start = self.begins.max(end.saturating_sub(MAX_TAIL_BYTES));
        let Some(size) = end.checked_sub(start).filter(|size| *size > 0) else { return String::new() };
        let mut text = vec![0; size as usize];
        // Open the file again, because a log is open for writing only.
        let path = format!("/proc/self/fd/{}", self.opened.number());
        match File::open(path).and_then(|file| file.read_exact_at(&mut text, start)) {
            Ok(()) => String::from_utf8_lossy(&text).into_owned(),
            // We may not read the file, or another process has shortened it. The error then quotes nothing.
            Err(_) => String::new(),
        }
    }
}

/// Returns the length of a regular file. Returns 0 for any other output, which therefore has no tail.
fn length(opened: &Opened) -> u64 {
    let stat = stat::fstat(sys::fd::borrow(opened.number()));
    stat.ok()
        .filter(|stat| stat.st_mode & libc::S_IFMT == libc::S_IFREG)
        .map_or(0, |stat| stat.st_size as u64)
}

/// Redirects standard error to /dev/null.
pub fn discard_stderr() -> Result<()> {
    sys::fd::replace(libc::STDERR_FILENO, fd::dev_null()?.as_raw_fd()).during("dup2")
}

/// Opens the logs again at their paths, and replaces the descriptors. Opens all logs before it replaces any descriptor.
/// Output of another thread goes to the old file or to the new one, because dup2(2) replaces a descriptor atomically.
pub fn reopen(logs: &[(RawFd, String)], umask: u32) -> Result<()> {
    let outputs: Vec<_> = logs.iter().map(|(_, path)| Output::File(path.clone())).collect();
    let mut opened = open_all(&outputs, |output| output.open(umask, None))?;
    for ((descriptor, _), log) in logs.iter().zip(&mut opened) {
        sys::fd::replace(*descriptor, log.number()).during("dup2")?;
        log.keep();
    }
    Ok(())
}
