//! All that runs between clone(2) and execve(2).
//!
//! It runs in a new process that shares the parent's memory (CLONE_VM) while the parent's thread stands still
//! (CLONE_VFORK). Another thread of the parent may hold any lock at that moment, the allocator's among them,
//! and every write here is a write into the parent. So: async-signal-safe calls only, memory that was prepared
//! before only, no allocation, no lock, no panic, no JavaScript. A failed step is written into the shared
//! [`Report`]; the parent words the error.
//!
//! The exception is [`keep`]: the keeper stays in the parent's memory after the daemon's exec, and the parent's thread goes on.
//!
//! Credentials are changed by raw system calls: glibc's wrappers signal every thread they know of, and the
//! threads they know of here are the parent's. `tests/child_object.rs` compiles this file alone and fails if
//! its object code names a panic or an allocator.

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::{ptr, slice};

use libc::{c_char, c_int, c_long, c_short, c_uint, c_ulong, gid_t, pid_t, uid_t};

/// The steps, each of which can fail.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing has failed.
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

/// What the child tells its parent, through the memory that they share.
#[repr(C)]
pub struct Report {
    pub step: Step,
    pub errno: c_int,
    /// The daemon, as soon as it runs.
    pub pid: pid_t,
    /// The daemon's pidfd, in the parent's descriptor table (the middle process shares that).
    pub pidfd: c_int,
    /// How a kept daemon ended: `si_code` of waitid(2); 0 while it lives.
    pub end_code: c_int,
    /// The exit code, or the signal.
    pub end_status: c_int,
}

/// One descriptor of the new process: `source` of the parent becomes `target`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Move {
    pub source: c_int,
    pub target: c_int,
}

/// The credentials to take on; `groups` is null where the supplementary groups stay.
#[repr(C)]
pub struct Credentials {
    pub uid: uid_t,
    pub gid: gid_t,
    pub groups: *const gid_t,
    pub groups_len: usize,
    pub change_uid: bool,
}

/// What the child is to do. Every pointer stays valid until the child has exec'd or died.
#[repr(C)]
pub struct Orders {
    /// Paths to try in this order, ending in null.
    pub programs: *const *const c_char,
    pub argv: *const *const c_char,
    pub envp: *const *const c_char,
    /// Where to exec; null: where the parent is.
    pub directory: *const c_char,
    /// A directory that the new program will enter, to be refused now if it can't; null: none.
    pub enterable: *const c_char,
    /// Sorted by target, no target twice.
    pub moves: *mut Move,
    pub moves_len: usize,
    /// Where close_range(2) is refused (an old seccomp profile): the highest descriptor to close one by one.
    pub close_one_by_one: c_int,
    /// -1: that of the parent.
    pub umask: c_int,
    /// Whether to lead a session of its own.
    pub lead_session: bool,
    /// The process group to join; 0: to lead; -1: to stay.
    pub group: c_int,
    /// A terminal of the parent's table for that session; -1: none.
    pub controlling_terminal: c_int,
    /// A terminal of the parent's table to be in the foreground of; -1: none.
    pub foreground: c_int,
    /// Null: those of the parent.
    pub credentials: *const Credentials,
    /// An eventfd of the parent's table if the middle process stays as the daemon's parent; -1 if it ends at once.
    pub keeper_event: c_int,
    /// The signal to get when the parent dies; 0: none.
    pub death_signal: c_int,
    /// The process that must still be the parent when the death signal is set.
    pub parent: pid_t,
    /// The new process's descriptor of a pid file to write its pid to; -1: none.
    pub pid_file: c_int,
    /// A number for the running system, hashed into the fingerprint; 0: unknown.
    pub system: u64,
    /// Places with room for a decimal pid and its NUL, at the end of environment variables.
    pub own_pid: *const *mut c_char,
    pub own_pid_len: usize,
    /// One past the end of the daemon's stack.
    pub daemon_stack: *mut c_void,
    /// The one part that the child writes.
    pub report: Report,
}

const LAST_SIGNAL: c_int = 64;
const KERNEL_SIGSET_SIZE: usize = 8;

/// The kernel's own struct sigaction, which is not glibc's.
#[repr(C)]
struct KernelSigaction {
    handler: usize,
    flags: usize,
    restorer: usize,
    mask: u64,
}

type Done = Result<(), Step>;

/// The first child: leads a session of its own and clones the daemon into it. It then ends. As a keeper it stays the daemon's
/// parent, until the process that started both kills it.
pub extern "C" fn middle(orders: *mut c_void) -> c_int {
    let orders = orders.cast::<Orders>();
    // SAFETY: the parent passes its own `Orders` and keeps them until both children have exec'd or died.
    unsafe {
        if libc::setsid() < 0 {
            fail(orders, Step::Setsid);
        }
        let stays = (*orders).keeper_event >= 0;
        if stays {
            become_keeper(orders);
        }
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD;
        let pidfd = &raw mut (*orders).report.pidfd;
        let pid = libc::clone(program, (*orders).daemon_stack, flags, orders.cast(), pidfd);
        if pid < 0 {
            fail(orders, Step::Clone);
        }
        // Written here too, because a daemon that was killed at once has not written it.
        (*orders).report.pid = pid;
        // A daemon that failed before its exec is dead. Reap it here, so that init need not.
        if (*orders).report.step != Step::None {
            libc::waitpid(pid, ptr::null_mut(), libc::__WALL);
            libc::_exit(0)
        }
        if stays {
            keep(orders, pid)
        }
        pass_on_signals(pid);
        libc::_exit(0)
    }
}

/// The signals that ask a process to end.
const REQUESTS_TO_END: [c_int; 4] = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM];

/// Passes the requests to end that this process has received on to the daemon. A service manager signals each process of a
/// service, and the daemon may not have existed then. All signals are blocked here, so they are still pending.
fn pass_on_signals(daemon: pid_t) {
    let mut pending: u64 = 0;
    // SAFETY: the kernel writes eight bytes; the daemon is this process's child, so the number is the daemon's.
    unsafe {
        libc::syscall(libc::SYS_rt_sigpending, &raw mut pending, KERNEL_SIGSET_SIZE);
        for signal in REQUESTS_TO_END {
            if pending >> signal.wrapping_sub(1) & 1 == 1 {
                libc::kill(daemon, signal);
            }
        }
    }
}

/// Ties this process to its parent, and the daemon to this process. Resets SIGCHLD: if it were ignored, the daemon's status
/// would be lost.
///
/// # Safety
/// `orders` must be the parent's, and nothing else may access it now.
unsafe fn become_keeper(orders: *mut Orders) {
    // SAFETY: the caller promises that.
    unsafe {
        reset_signal(libc::SIGCHLD);
        if let Err(step) = die_with((*orders).parent, libc::SIGKILL) {
            fail(orders, step);
        }
        (*orders).parent = libc::getpid();
    }
}

/// Reports that the daemon has begun its program, and later how it ended. Leaves the daemon a zombie, so that no other process
/// gets its number. From here on the parent's thread also runs, on the same thread-local storage. So no call may fail,
/// because errno is there, and no call may be a cancellation point.
///
/// # Safety
/// As for `become_keeper`, but the parent reads the report after each event.
unsafe fn keep(orders: *mut Orders, daemon: pid_t) -> ! {
    let one: u64 = 1;
    // SAFETY: zeros are valid for a struct of numbers. The kernel reads eight bytes and writes one struct. The eventfd stays
    // open until the parent has killed this process.
    unsafe {
        let event = (*orders).keeper_event;
        libc::syscall(libc::SYS_write, event, &raw const one, size_of::<u64>());
        let mut info: libc::siginfo_t = core::mem::zeroed();
        let no_usage = ptr::null_mut::<c_void>();
        let flags = libc::WEXITED | libc::WNOWAIT | libc::__WALL;
        libc::syscall(libc::SYS_waitid, libc::P_PID, daemon, &raw mut info, flags, no_usage);
        (*orders).report.end_status = info.si_status();
        (*orders).report.end_code = info.si_code;
        libc::syscall(libc::SYS_write, event, &raw const one, size_of::<u64>());
        loop {
            // Every signal but SIGKILL is blocked.
            let nothing = ptr::null_mut::<c_void>();
            libc::syscall(libc::SYS_ppoll, nothing, 0 as c_long, nothing, nothing, KERNEL_SIGSET_SIZE);
        }
    }
}

/// The only child, or the second one of a daemon's: becomes its program.
pub extern "C" fn program(orders: *mut c_void) -> c_int {
    let orders = orders.cast::<Orders>();
    // SAFETY: the parent passes its own `Orders` and waits until this has exec'd or died.
    unsafe {
        (*orders).report.pid = libc::getpid();
        let foreground = foreground_of(&*orders);
        let Err(step) = become_program(&*orders);
        record(orders, step);
        // From its terminal it may be sent SIGHUP, or SIGTTOU, now.
        set_signal_mask(u64::MAX);
        give_terminal_back(&*orders, foreground);
        libc::_exit(127)
    }
}

/// # Safety
/// Called in a child of CLONE_VM|CLONE_VFORK whose parent keeps what `orders` points to.
unsafe fn become_program(orders: &Orders) -> Result<core::convert::Infallible, Step> {
    // SAFETY: the caller's promise, for each of these.
    unsafe {
        // First of all: a handler must not run here, in the parent's memory, when signals are unblocked.
        reset_signals();
        // Before descriptors are placed: terminals are named by the parent's.
        control_jobs(orders)?;
        place_descriptors(orders)?;
        close_the_rest(orders)?;
        if orders.umask >= 0 {
            libc::umask(orders.umask as libc::mode_t);
        }
        if !orders.directory.is_null() && libc::chdir(orders.directory) < 0 {
            return Err(Step::ChangeDirectory);
        }
        if !orders.credentials.is_null() {
            take_credentials(&*orders.credentials)?;
        }
        // After the credentials: they decide whether the directory may be entered.
        if !orders.enterable.is_null() {
            may_enter(orders.enterable)?;
        }
        // After the credentials too: changing them clears the death signal.
        if orders.death_signal != 0 {
            die_with(orders.parent, orders.death_signal)?;
        }
        if orders.pid_file >= 0 {
            write_pid(orders.pid_file, orders.system)?;
        }
        for &place in slice::from_raw_parts(orders.own_pid, orders.own_pid_len) {
            write_decimal(place, libc::getpid() as u32);
        }
        set_signal_mask(0);
        Err(execute(orders))
    }
}

/// As execvp(3) goes through the directories of PATH: one that may not be run is remembered, one that is not there
/// is passed over, and anything else is the answer. Returns only if nothing could be run.
///
/// # Safety
/// As `become_program`.
unsafe fn execute(orders: &Orders) -> Step {
    // SAFETY: the pointers are the parent's, which keeps what they point to; the array ends in null.
    unsafe {
        let errno = libc::__errno_location();
        let mut denied = false;
        let mut program = orders.programs;
        while !(*program).is_null() {
            libc::execve(*program, orders.argv, orders.envp);
            match *errno {
                libc::EACCES => denied = true,
                libc::ENOENT | libc::ENOTDIR | libc::ENAMETOOLONG => {}
                // Of a directory on a network.
                libc::ESTALE | libc::ENODEV | libc::ETIMEDOUT => {}
                _ => return Step::Exec,
            }
            program = program.add(1);
        }
        if denied {
            *errno = libc::EACCES;
        }
    }
    Step::Exec
}

/// Writes this process's pid into its pid file and locks the file: see `pid_file/mod.rs`.
fn write_pid(file: c_int, system: u64) -> Done {
    let mut line: [c_char; 12] = [0; 12];
    let lock = libc::flock {
        l_type: libc::F_WRLCK as c_short,
        l_whence: libc::SEEK_SET as c_short,
        l_start: 0,
        l_len: own_fingerprint(system),
        l_pid: 0,
    };
    // SAFETY: a line has room for ten digits, a newline and a NUL; the kernel reads it, and one struct.
    unsafe {
        let digits = write_decimal(line.as_mut_ptr(), libc::getpid() as u32);
        *line.as_mut_ptr().add(digits) = b'\n' as c_char;
        let length = digits.wrapping_add(1);
        if libc::pwrite(file, line.as_ptr().cast(), length, 0) < 0 {
            return Err(Step::WritePid);
        }
        if libc::ftruncate(file, length as libc::off_t) < 0 {
            return Err(Step::CutPidFile);
        }
        if libc::fcntl(file, libc::F_OFD_SETLK, &raw const lock) < 0 {
            return Err(Step::LockPidFile);
        }
    }
    Ok(())
}

/// Returns the length of a daemon's lock, which identifies the process that it was taken for (`pid_file/fingerprint.rs`).
/// `namespace`: the inode number of the pid namespace of `pid`. `start`: the start time of the process.
pub fn fingerprint(system: u64, namespace: u64, pid: u32, start: u64) -> i64 {
    let hash = mix(mix(mix(mix(0, system), namespace), pid as u64), start);
    // Longer than any file, and below the last position that a lock can have.
    1 << 61 | (hash >> 3) as i64
}

fn mix(hash: u64, value: u64) -> u64 {
    // The constants of splitmix64.
    let mixed = (hash ^ value).wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Returns this process's fingerprint. Returns 0, which locks all of the file, if /proc lacks the information.
fn own_fingerprint(system: u64) -> i64 {
    let mut namespace = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the kernel reports whether it has written the struct that is read.
    unsafe {
        if system == 0 || libc::stat(c"/proc/self/ns/pid".as_ptr(), namespace.as_mut_ptr()) < 0 {
            return 0;
        }
        let start = own_start();
        if start == 0 {
            return 0;
        }
        fingerprint(system, (*namespace.as_ptr()).st_ino, libc::getpid() as u32, start)
    }
}

/// Returns the start time of this process: field 22 of proc_pid_stat(5); 0: unknown.
fn own_start() -> u64 {
    // The second field, at most 64 characters long, may hold blanks and parentheses. Field 22 begins 20 blanks after it.
    const FIELDS_AFTER_NAME: usize = 20;
    let mut text = MaybeUninit::<[u8; 1024]>::uninit();
    // SAFETY: the kernel writes no more bytes than there is room for. Only bytes that it has written are read.
    let text = unsafe {
        let file = libc::open(c"/proc/self/stat".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if file < 0 {
            return 0;
        }
        let length = libc::read(file, text.as_mut_ptr().cast(), size_of_val(&text));
        libc::close(file);
        slice::from_raw_parts(text.as_ptr().cast::<u8>(), if length > 0 { length as usize } else { 0 })
    };
    let mut blanks: usize = 0;
    let mut start: u64 = 0;
    for &byte in text {
        match byte {
            b')' => (blanks, start) = (0, 0),
            b' ' => blanks = blanks.wrapping_add(1),
            b'0'..=b'9' if blanks == FIELDS_AFTER_NAME => {
                start = start.wrapping_mul(10).wrapping_add((byte - b'0') as u64);
            }
            _ => {}
        }
    }
    start
}

fn reset_signals() {
    for signal in 1..=LAST_SIGNAL {
        // SIGKILL and SIGSTOP answer EINVAL, and are default anyway.
        reset_signal(signal);
    }
}

fn reset_signal(signal: c_int) {
    let default = KernelSigaction { handler: libc::SIG_DFL, flags: 0, restorer: 0, mask: 0 };
    // SAFETY: the kernel reads one struct and writes none.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigaction,
            signal,
            &raw const default,
            ptr::null_mut::<KernelSigaction>(),
            KERNEL_SIGSET_SIZE,
        );
    }
}

/// The mask by its raw call: glibc's keeps signals 32 and 33 for itself.
fn set_signal_mask(mask: u64) {
    // SAFETY: the kernel reads eight bytes.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const mask,
            ptr::null_mut::<u64>(),
            KERNEL_SIGSET_SIZE,
        );
    }
}

/// Session, process group and terminal. Who takes the foreground from the background is sent SIGTTOU, which is blocked.
fn control_jobs(orders: &Orders) -> Done {
    // SAFETY: numbers only, but for the group that the kernel reads.
    unsafe {
        if orders.lead_session && libc::setsid() < 0 {
            return Err(Step::Setsid);
        }
        if orders.controlling_terminal >= 0
            && libc::ioctl(orders.controlling_terminal, libc::TIOCSCTTY, 0) < 0
        {
            return Err(Step::ControllingTerminal);
        }
        if orders.group >= 0 && libc::setpgid(0, orders.group) < 0 {
            return Err(Step::SetGroup);
        }
        let group = libc::getpgid(0);
        if orders.foreground >= 0 && libc::ioctl(orders.foreground, libc::TIOCSPGRP, &raw const group) < 0 {
            return Err(Step::Foreground);
        }
    }
    Ok(())
}

/// The foreground group of the terminal that the child is to be in the foreground of; 0: there is none.
fn foreground_of(orders: &Orders) -> pid_t {
    let mut group: pid_t = 0;
    if orders.foreground >= 0 {
        // SAFETY: the kernel writes one pid.
        unsafe { libc::ioctl(orders.foreground, libc::TIOCGPGRP, &raw mut group) };
    }
    group
}

/// Undoes what a child that came to nothing has done to a terminal: gives the foreground back; or lets go of its
/// session's own, which the end of its leader would otherwise hang up.
fn give_terminal_back(orders: &Orders, foreground: pid_t) {
    if foreground <= 0 && orders.controlling_terminal < 0 {
        return;
    }
    let give_back = |terminal: c_int| {
        // SAFETY: the kernel reads one pid.
        unsafe {
            if orders.controlling_terminal >= 0 {
                libc::ioctl(terminal, libc::TIOCNOTTY)
            } else {
                libc::ioctl(terminal, libc::TIOCSPGRP, &raw const foreground)
            }
        }
    };
    let named =
        if orders.controlling_terminal >= 0 { orders.controlling_terminal } else { orders.foreground };
    // That number may have been closed since, or be another one's: of what is not its terminal, it is refused.
    if give_back(named) < 0 {
        // SAFETY: opens a descriptor of this process's own, which ends.
        give_back(unsafe { libc::open(c"/dev/tty".as_ptr(), libc::O_RDWR | libc::O_NOCTTY) });
    }
}

/// Puts each source at its target, in two passes. Targets are filled in ascending order, so a source is in
/// danger only where it is lower than its target: such a one is first copied above them all, and a row of the
/// same source once only.
///
/// # Safety
/// As `become_program`.
unsafe fn place_descriptors(orders: &Orders) -> Done {
    // SAFETY: the parent made the array, and nobody else looks at it now.
    let moves = unsafe { slice::from_raw_parts_mut(orders.moves, orders.moves_len) };
    let Some(&Move { target: highest, .. }) = moves.last() else { return Ok(()) };
    let mut last = Move { source: -1, target: -1 };
    for one in &mut *moves {
        if one.source >= one.target {
            continue;
        }
        if one.source != last.source {
            // SAFETY: fcntl and dup2 act on this process's own descriptor table.
            let copy = unsafe { libc::fcntl(one.source, libc::F_DUPFD_CLOEXEC, highest.wrapping_add(1)) };
            if copy < 0 {
                return Err(Step::Fcntl);
            }
            last = Move { source: one.source, target: copy };
        }
        one.source = last.target;
    }
    for one in &*moves {
        // SAFETY: as above. dup2 clears close-on-exec, but does nothing at all where both are the same.
        let (done, step) = unsafe {
            if one.source == one.target {
                (libc::fcntl(one.source, libc::F_SETFD, 0), Step::Fcntl)
            } else {
                (libc::dup2(one.source, one.target), Step::Duplicate)
            }
        };
        if done < 0 {
            return Err(step);
        }
    }
    Ok(())
}

/// Closes every descriptor that is no target: those between the targets, and all above.
///
/// # Safety
/// As `become_program`.
unsafe fn close_the_rest(orders: &Orders) -> Done {
    // SAFETY: as in `place_descriptors`.
    let moves = unsafe { slice::from_raw_parts(orders.moves, orders.moves_len) };
    let mut first: c_int = 0;
    for one in moves {
        if first < one.target {
            close_range(orders, first, one.target.wrapping_sub(1))?;
        }
        first = one.target.wrapping_add(1);
    }
    close_range(orders, first, c_int::MAX)
}

fn close_range(orders: &Orders, first: c_int, last: c_int) -> Done {
    if orders.close_one_by_one >= 0 {
        let mut fd = first;
        while fd <= last && fd <= orders.close_one_by_one {
            // SAFETY: closes descriptors of this process, whose table is its own.
            unsafe { libc::close(fd) };
            fd = fd.wrapping_add(1);
        }
        return Ok(());
    }
    // SAFETY: as above.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first as c_uint, last as c_uint, 0 as c_uint) };
    if done < 0 { Err(Step::CloseRange) } else { Ok(()) }
}

/// Whether chdir(2) to the directory `/.` of a path would succeed, with these credentials and capabilities:
/// access(2), which asks for the real ones without capabilities, is for kernels that refuse the better question.
///
/// # Safety
/// `path` is a C string.
unsafe fn may_enter(path: *const c_char) -> Done {
    // SAFETY: the kernel reads a C string.
    unsafe {
        let asked = libc::syscall(libc::SYS_faccessat2, libc::AT_FDCWD, path, libc::X_OK, libc::AT_EACCESS);
        let refused = asked < 0 && matches!(*libc::__errno_location(), libc::ENOSYS | libc::EPERM);
        let answer = if refused { libc::access(path, libc::X_OK).into() } else { asked };
        if answer < 0 { Err(Step::Access) } else { Ok(()) }
    }
}

/// Groups, then gid, then uid: the other way round the right to do the rest would be gone. Then looks whether
/// it is true, and whether root can be had back.
///
/// # Safety
/// `to.groups` is null or points to `to.groups_len` ids.
unsafe fn take_credentials(to: &Credentials) -> Done {
    const KEEP: c_long = -1;
    // SAFETY: the kernel reads `groups_len` ids from `groups`; the rest are numbers.
    unsafe {
        if !to.groups.is_null() && libc::syscall(libc::SYS_setgroups, to.groups_len, to.groups) < 0 {
            return Err(Step::SetGroups);
        }
        if libc::syscall(libc::SYS_setresgid, to.gid, to.gid, to.gid) < 0 {
            return Err(Step::SetGid);
        }
        if !to.change_uid {
            return Ok(());
        }
        if libc::syscall(libc::SYS_setresuid, to.uid, to.uid, to.uid) < 0 {
            return Err(Step::SetUid);
        }
        let root_again = to.uid != 0 && libc::syscall(libc::SYS_setresuid, KEEP, 0 as c_long, KEEP) == 0;
        if root_again || libc::getuid() != to.uid || libc::getgid() != to.gid {
            *libc::__errno_location() = libc::EPERM;
            return Err(Step::SetUid);
        }
    }
    Ok(())
}

/// Gets `signal` when the parent dies, also if it did a moment ago: then nobody else would send it any more.
fn die_with(parent: pid_t, signal: c_int) -> Done {
    // SAFETY: numbers only; the signal goes to this process alone, and those that are blocked wait for the exec.
    unsafe {
        if libc::prctl(libc::PR_SET_PDEATHSIG, signal as c_ulong) < 0 {
            return Err(Step::ParentDeathSignal);
        }
        if libc::getppid() != parent {
            libc::kill(libc::getpid(), signal);
        }
    }
    Ok(())
}

/// Writes `number` and a NUL. Returns the number of digits.
///
/// # Safety
/// There is room for eleven bytes, which nobody else looks at.
unsafe fn write_decimal(place: *mut c_char, number: u32) -> usize {
    let mut length: usize = 1;
    let mut rest = number / 10;
    while rest > 0 {
        length = length.wrapping_add(1);
        rest /= 10;
    }
    let digits = length;
    rest = number;
    // SAFETY: the caller's promise.
    unsafe {
        *place.add(length) = 0;
        while length > 0 {
            length = length.wrapping_sub(1);
            *place.add(length) = (b'0' as c_char).wrapping_add((rest % 10) as c_char);
            rest /= 10;
        }
    }
    digits
}

/// Writes down which step failed, and ends this process.
///
/// # Safety
/// As `record`.
unsafe fn fail(orders: *mut Orders, step: Step) -> ! {
    // SAFETY: the caller's promise.
    unsafe {
        record(orders, step);
        libc::_exit(127)
    }
}

/// Writes down which step failed, and why.
///
/// # Safety
/// `orders` is the parent's, and nobody else looks at its report now.
unsafe fn record(orders: *mut Orders, step: Step) {
    // SAFETY: the parent reads the report only after this process is gone.
    unsafe {
        (*orders).report.errno = *libc::__errno_location();
        (*orders).report.step = step;
    }
}
