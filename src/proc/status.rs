//! Reads /proc/PID/status, see proc_pid_status(5).

use crate::descriptor::fd;
use crate::error::Result;
use crate::sys::c_string;

/// The text of a status file.
pub struct ProcStatus(String);

impl ProcStatus {
    /// Returns true if the thread has ended.
    pub fn is_zombie(&self) -> bool {
        self.field("State").is_some_and(|state| state.starts_with('Z'))
    }

    /// Reads the status of a process or a thread: a number, "self", or `PID/task/TID`.
    pub fn of(process: &str) -> Result<Self> {
        fd::read(&c_string(&format!("/proc/{process}/status"))?).map(Self)
    }

    /// Returns the value of the line `name`.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let status = ProcStatus("Name:\tUid\nTgid:\t7\nUid:\t1\t2\t3\t4\n".into());
        assert_eq!(status.field("Uid"), Some("1\t2\t3\t4"));
        assert_eq!(status.field("gid"), None);
        assert_eq!(status.field("NSpid"), None);
    }
}
