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

/// tcsetpgrp(3), with SIGTTOU blocked: a background caller is neither stopped nor made to spin.
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

/// prctl(PR_SET_PDEATHSIG); 0 clears it. The parent may die while we ask: then nobody would send the signal any
/// more, so we do.
pub fn set_parent_death_signal(signal: i32) -> Result<()> {
    let parent = unistd::getppid();
    sys::process::set_parent_death_signal(signal).during("prctl")?;
    if signal != 0 && unistd::getppid() != parent {
        sys::process::send_to_self(signal).during("kill")?;
    }
    Ok(())
}

/// Whether the calling thread is the one that the process began with.
pub fn is_main_thread() -> bool {
    unistd::gettid() == unistd::getpid()
}

/// The path of the controlling terminal, from its device number in /proc/self/stat.
pub fn controlling_terminal() -> Result<Option<String>> {
    let stat = fd::read(c"/proc/self/stat")?;
    Ok(terminal_device(&stat).map(|(major, minor)| device_path(major, minor)))
}

/// Major and minor number of field 7, tty_nr; None without a terminal.
fn terminal_device(stat: &str) -> Option<(u32, u32)> {
    let number = proc::stat::field(stat, 7)?.parse::<i32>().ok()? as u32;
    (number != 0).then_some(((number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xfff00)))
}

/// Pseudo-terminals have majors 136 to 143 and no entry in /sys; for the rest the kernel tells its name. What
/// can't be named here (a terminal of another mount namespace) is still what /dev/tty opens.
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
