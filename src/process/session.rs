//! Sessions, process groups and terminals.

use std::os::fd::RawFd;

use nix::sys::signal::Signal;
use nix::sys::stat;
use nix::unistd::{self, Pid};

use crate::descriptor::fd;
use crate::error::{During, Result};
use crate::proc;
use crate::sys;

/// setsid(2)
pub fn setsid() -> Result<i32> {
    unistd::setsid().during("setsid").map(Pid::as_raw)
}

/// getsid(2)
pub fn getsid(pid: i32) -> Result<i32> {
    unistd::getsid(Some(Pid::from_raw(pid))).during("getsid").map(Pid::as_raw)
}

/// getpgid(2)
pub fn getpgid(pid: i32) -> Result<i32> {
    unistd::getpgid(Some(Pid::from_raw(pid))).during("getpgid").map(Pid::as_raw)
}

/// setpgid(2)
pub fn setpgid(pid: i32, pgid: i32) -> Result<()> {
    unistd::setpgid(Pid::from_raw(pid), Pid::from_raw(pgid)).during("setpgid")
}

/// tcgetpgrp(3)
pub fn tcgetpgrp(fd: RawFd) -> Result<i32> {
    sys::terminal::tcgetpgrp(fd).during("tcgetpgrp")
}

/// tcsetpgrp(3) with SIGTTOU blocked. Otherwise the signal stops a caller in the background, or makes the call spin.
pub fn tcsetpgrp(fd: RawFd, pgid: i32) -> Result<()> {
    sys::signal::with_blocked(Signal::SIGTTOU, || sys::terminal::tcsetpgrp(fd, pgid))
        .during("pthread_sigmask")?
        .during("tcsetpgrp")
}

/// tcgetsid(3)
pub fn tcgetsid(fd: RawFd) -> Result<i32> {
    sys::terminal::tcgetsid(fd).during("tcgetsid")
}

/// prctl(PR_SET_CHILD_SUBREAPER)
pub fn set_child_subreaper(enabled: bool) -> Result<()> {
    sys::process::set_child_subreaper(enabled).during("prctl")
}

/// prctl(PR_GET_CHILD_SUBREAPER)
pub fn is_child_subreaper() -> Result<bool> {
    sys::process::is_child_subreaper().during("prctl")
}

/// prctl(PR_SET_PDEATHSIG); 0 clears the signal. Handles this race:
///
/// 1. The parent dies before the prctl(2).
/// 2. The kernel does not send the signal, because it was not set yet.
/// 3. getppid(2) returns another parent: send the signal to this process.
pub fn set_parent_death_signal(signal: i32) -> Result<()> {
    let parent = unistd::getppid();
    sys::process::set_parent_death_signal(signal).during("prctl")?;
    if signal != 0 && unistd::getppid() != parent {
        sys::process::send_to_self(signal).during("kill")?;
    }
    Ok(())
}

/// Returns true if the process began with the calling thread.
pub fn is_main_thread() -> bool {
    unistd::gettid() == unistd::getpid()
}

/// Returns the path of the controlling terminal, from its device number in /proc/self/stat.
pub fn controlling_terminal() -> Result<Option<String>> {
    let stat = fd::read(c"/proc/self/stat")?;
    Ok(terminal_device(&stat).map(|(major, minor)| device_path(major, minor)))
}

/// Returns the major and the minor number from field 7, tty_nr in proc_pid_stat(5). None without a terminal.
fn terminal_device(stat: &str) -> Option<(u32, u32)> {
    let number = proc::stat::field(stat, 7)?.parse::<i32>().ok()? as u32;
    (number != 0).then_some(((number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xfff00)))
}

/// Returns the path of a terminal. Pseudo-terminals have major numbers 136 to 143 and no entry in /sys. The kernel names other
/// terminals in /sys. A terminal of another mount namespace has no path here, but /dev/tty opens it.
fn device_path(major: u32, minor: u32) -> String {
    let path = match major {
        136..=143 => Some(format!("/dev/pts/{}", (major - 136) * 256 + minor)),
        _ => {
            std::fs::read_to_string(format!("/sys/dev/char/{major}:{minor}/uevent")).ok().and_then(|uevent| {
                uevent
                    .lines()
                    .find_map(|line| line.strip_prefix("DEVNAME="))
                    .map(|name| format!("/dev/{name}"))
            })
        }
    };
    path.filter(|path| is_device(path, major, minor)).unwrap_or_else(|| "/dev/tty".into())
}

fn is_device(path: &str, major: u32, minor: u32) -> bool {
    let device = stat::makedev(major.into(), minor.into());
    stat::stat(path)
        .is_ok_and(|found| found.st_mode & libc::S_IFMT == libc::S_IFCHR && found.st_rdev == device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_number_is_taken_apart() {
        assert_eq!(terminal_device("7 (sh) S 1 7 7 34817 7"), Some((136, 1)));
        assert_eq!(terminal_device("7 (sh) S 1 7 7 0 -1"), None);
    }

    #[test]
    fn large_minors_are_put_together() {
        // 136:256 is written as 0x108800.
        assert_eq!(terminal_device("7 (sh) S 1 7 7 1083392 7"), Some((136, 256)));
    }
}
