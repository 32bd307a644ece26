//! The fingerprint of the process that holds a daemon's lock. It is stored as the length of the lock.
//!
//! A pid proves little. Another process may have the same pid by now. Another pid namespace, such as a container that
//! shares the file, numbers its processes differently: pid_namespaces(7). If we may inspect the named process, its lock
//! is proof. Otherwise the fingerprint is proof: a hash of the running system, the pid namespace, the pid and the start
//! time of the process. The kernel keeps the fingerprint as long as the lock, and only a process that holds the lock
//! can change it.

use std::ffi::CStr;

use nix::sys::stat;

use crate::clone::child;
use crate::descriptor::fd;
use crate::proc;
use crate::proc::status::ProcStatus;
use crate::sys::c_string;

/// Returns the fingerprint of the process `pid` of our own pid namespace. None if /proc lacks the information.
pub fn of(pid: i32) -> Option<i64> {
    if !is_proc_ours() {
        return None;
    }
    let namespace = stat::stat(c"/proc/self/ns/pid").ok()?.st_ino;
    let about = fd::read(&c_string(&format!("/proc/{pid}/stat")).ok()?).ok()?;
    let start = proc::stat::field(&about, 22)?.parse().ok()?;
    match system() {
        0 => None,
        system => Some(child::fingerprint(system, namespace, pid as u32, start)),
    }
}

/// Returns a number for the running system, different after each boot and in each virtual machine; 0: unknown.
pub fn system() -> u64 {
    const BOOT_ID: &CStr = c"/proc/sys/kernel/random/boot_id";
    let id = fd::read(BOOT_ID).ok().and_then(|id| u128::from_str_radix(&id.trim().replace('-', ""), 16).ok());
    id.map_or(0, |id| (id >> 64) as u64 ^ id as u64)
}

/// Returns true if /proc numbers processes as our own pid namespace does. A container without its own /proc sees the
/// host's. A pid then means one process in /proc, and another process in a system call.
pub fn is_proc_ours() -> bool {
    // One pid for each namespace, from the namespace of /proc down to ours: proc_pid_status(5). Kernels without
    // namespaces lack this line.
    ProcStatus::of("self")
        .is_ok_and(|own| own.field("NSpid").is_none_or(|pids| pids.split_whitespace().count() == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_one_fingerprint_that_no_other_process_has() {
        let own = of(std::process::id() as i32).unwrap();
        assert_eq!(of(std::process::id() as i32), Some(own));
        assert_ne!(of(1), Some(own));
        assert!((1 << 61..1 << 62).contains(&own));
    }

    #[test]
    fn a_process_that_is_gone_has_none() {
        assert_eq!(of(i32::MAX), None);
    }

    #[test]
    fn each_part_changes_the_fingerprint() {
        let one = child::fingerprint(1, 2, 3, 4);
        for other in [(5, 2, 3, 4), (1, 5, 3, 4), (1, 2, 5, 4), (1, 2, 3, 5)] {
            assert_ne!(child::fingerprint(other.0, other.1, other.2, other.3), one);
        }
    }
}
