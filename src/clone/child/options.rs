//! The data that a parent shares with its children between clone(2) and execve(2). C types only, because
//! `tests/child_object.rs` compiles this file with child.rs.

use core::ffi::c_void;

use libc::{c_char, c_int, gid_t, pid_t, uid_t};

/// The steps of a child. Each step can fail.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// No step has failed.
    None,
    Setsid,
    Clone,
    SetGroup,
    ControllingTerminal,
    Foreground,
    Fcntl,
    Duplicate,
    CloseRange,
    Access,
    ChangeDirectory,
    SetGroups,
    SetGid,
    SetUid,
    ParentDeathSignal,
    WritePid,
    CutPidFile,
    LockPidFile,
    Exec,
}

/// The report of a child to its parent, in the memory that they share.
#[repr(C)]
pub struct Report {
    /// The step that failed.
    pub step: Step,
    pub errno: c_int,
    /// The pid of the new process, as soon as it runs.
    pub pid: pid_t,
    /// The pidfd of the new process, in the parent's descriptor table. The middle process shares that table.
    pub pidfd: c_int,
    /// `si_code` of waitid(2) for a kept daemon; 0 while it lives.
    pub end_code: c_int,
    /// `si_status` of waitid(2) for a kept daemon: its exit code, or the signal.
    pub end_status: c_int,
}

/// One descriptor of the new process: `source` of the parent becomes `target`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Move {
    pub source: c_int,
    pub target: c_int,
}

/// New credentials. If `groups` is null, the supplementary groups stay.
#[repr(C)]
pub struct Credentials {
    pub uid: uid_t,
    pub gid: gid_t,
    pub groups: *const gid_t,
    pub groups_len: usize,
    pub change_uid: bool,
}

/// The launch options of one child. Every pointer stays valid until the child has exec'd or died.
#[repr(C)]
pub struct ChildOptions {
    /// Paths to try in this order, ending in null.
    pub programs: *const *const c_char,
    pub argv: *const *const c_char,
    pub envp: *const *const c_char,
    /// The working directory for the exec; null: the parent's.
    pub directory: *const c_char,
    /// A directory that the new program will enter. The launch fails if the child may not enter it. Null: none.
    pub enterable: *const c_char,
    /// Sorted by target. Each target occurs once.
    pub moves: *mut Move,
    pub moves_len: usize,
    /// The highest descriptor to close one by one, because an old seccomp profile refuses close_range(2); -1: use
    /// close_range(2).
    pub close_one_by_one: c_int,
    /// -1: the parent's umask.
    pub umask: c_int,
    /// True if the child leads a session of its own.
    pub lead_session: bool,
    /// The process group to join; 0: lead a new group; -1: stay in the parent's group.
    pub group: c_int,
    /// The controlling terminal of the new session, as a descriptor of the parent; -1: none.
    pub controlling_terminal: c_int,
    /// A terminal whose foreground the child's group takes, as a descriptor of the parent; -1: none.
    pub foreground: c_int,
    /// Null: the parent's credentials.
    pub credentials: *const Credentials,
    /// An eventfd of the parent if the middle process stays as the daemon's parent; -1 if it ends at once.
    pub keeper_event: c_int,
    /// The signal that the child gets when its parent dies; 0: none.
    pub death_signal: c_int,
    /// The expected parent when the child sets its death signal.
    pub parent: pid_t,
    /// The child's descriptor of the pid file to write its pid to; -1: none.
    pub pid_file: c_int,
    /// A number for the running system, hashed into the fingerprint; 0: unknown.
    pub system: u64,
    /// Ends of environment variables, with room for a decimal pid and its NUL.
    pub own_pid: *const *mut c_char,
    pub own_pid_len: usize,
    /// One past the end of the daemon's stack.
    pub daemon_stack: *mut c_void,
    /// The only part that the child writes.
    pub report: Report,
}
