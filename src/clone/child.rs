//! The code that runs between clone(2) and execve(2).
//!
//! It runs in a new process that shares the parent's memory (CLONE_VM). The parent's thread stands still (CLONE_VFORK),
//! but its other threads run. Another thread may hold any lock at that moment, also the allocator's, and every write
//! here changes the parent's memory. Therefore this code:
//!
//! - calls only async-signal-safe functions, see signal-safety(7);
//! - uses only memory that the parent has prepared;
//! - does not allocate, lock, panic, or call JavaScript.
//!
//! A failed step is written into the shared [`Report`]. The parent makes the error from it.
//!
//! [`keep`] is an exception: the keeper stays in the parent's memory after the daemon's exec, while the parent's thread
//! goes on.
//!
//! Raw system calls change the credentials. glibc's wrappers would signal all threads that glibc knows, which are the
//! parent's threads here: see nptl(7).
//!
//! `tests/child_object.rs` compiles this file with `child/options.rs`, and fails if the object code names a panic or an
//! allocator.

// This path is right for both crate roots: src/lib.rs, and this file in tests/child_object.rs.
#[path = "child/options.rs"]
mod options;

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::{ptr, slice};

use libc::{c_char, c_int, c_long, c_short, c_uint, c_ulong, pid_t};

pub use options::{ChildOptions, Credentials, Move, Report, Step};

const LAST_SIGNAL: c_int = 64;
const KERNEL_SIGSET_SIZE: usize = 8;

/// The kernel's struct sigaction, which differs from glibc's: see "C library/kernel differences" in sigaction(2).
#[repr(C)]
struct KernelSigaction {
    handler: usize,
    flags: usize,
    restorer: usize,
    mask: u64,
}

/// The result of a step that can fail.
type StepResult = Result<(), Step>;

/// Runs the first child of a double fork: leads a new session and clones the daemon into it. Then ends, or stays as the
/// keeper: the daemon's parent, until the launching process kills it.
pub extern "C" fn middle(options: *mut c_void) -> c_int {
    let options = options.cast::<ChildOptions>();
    // SAFETY: the parent passes its `ChildOptions` and keeps them until both children have exec'd or died.
    unsafe {
        if libc::setsid() < 0 {
            fail(options, Step::Setsid);
        }
        let stays = (*options).keeper_event >= 0;
        if stays {
            become_keeper(options);
        }
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD;
        let pidfd = &raw mut (*options).report.pidfd;
        let pid = libc::clone(program, (*options).daemon_stack, flags, options.cast(), pidfd);
        if pid < 0 {
            fail(options, Step::Clone);
        }
        // Written here too, because a daemon that was killed at once has not written it.
        (*options).report.pid = pid;
        // A daemon that failed before its exec is dead. Reap it here, so that it doesn't become a zombie of init.
        if (*options).report.step != Step::None {
            libc::waitpid(pid, ptr::null_mut(), libc::__WALL);
            libc::_exit(0)
        }
        if stays {
            keep(options, pid)
        }
        pass_on_signals(pid);
        libc::_exit(0)
    }
}

/// The signals that ask a process to end.
const REQUESTS_TO_END: [c_int; 4] = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM];

/// Sends the daemon the requests to end that this process has received. A service manager signals each process of a
/// service, but the daemon may not have existed then. All signals are blocked here, so the requests are still pending:
/// sigpending(2).
fn pass_on_signals(daemon: pid_t) {
    let mut pending: u64 = 0;
    // SAFETY: the kernel writes eight bytes. The daemon is an unreaped child of this process, so the pid is still the
    // daemon's.
    unsafe {
        libc::syscall(libc::SYS_rt_sigpending, &raw mut pending, KERNEL_SIGSET_SIZE);
        for signal in REQUESTS_TO_END {
            if pending >> signal.wrapping_sub(1) & 1 == 1 {
                libc::kill(daemon, signal);
            }
        }
    }
}

/// Makes this process die with its parent, and the daemon die with this process. Resets SIGCHLD: if it were ignored,
/// the kernel would discard the daemon's status, see waitpid(2).
///
/// # Safety
/// `options` must be the parent's, and no other code may access it now.
unsafe fn become_keeper(options: *mut ChildOptions) {
    // SAFETY: the caller keeps the promise above.
    unsafe {
        reset_signal(libc::SIGCHLD);
        if let Err(step) = die_with((*options).parent, libc::SIGKILL) {
            fail(options, step);
        }
        (*options).parent = libc::getpid();
    }
}

/// Reports that the daemon has begun its program, and later how the daemon ended. Leaves the daemon a zombie, so that
/// no other process gets its pid. From here on the parent's thread also runs, on the same thread-local storage. So no
/// call may fail, because errno is in that storage, and no call may be a cancellation point, see pthreads(7).
///
/// # Safety
/// Like `become_keeper`, but the parent reads the report after each event.
unsafe fn keep(options: *mut ChildOptions, daemon: pid_t) -> ! {
    let one: u64 = 1;
    // SAFETY: zeros are valid for a struct of numbers. The kernel reads eight bytes and writes one struct. The eventfd
    // stays open until the parent has killed this process.
    unsafe {
        let event = (*options).keeper_event;
        libc::syscall(libc::SYS_write, event, &raw const one, size_of::<u64>());
        let mut info: libc::siginfo_t = core::mem::zeroed();
        let no_usage = ptr::null_mut::<c_void>();
        let flags = libc::WEXITED | libc::WNOWAIT | libc::__WALL;
        libc::syscall(libc::SYS_waitid, libc::P_PID, daemon, &raw mut info, flags, no_usage);
        (*options).report.end_status = info.si_status();
        (*options).report.end_code = info.si_code;
        libc::syscall(libc::SYS_write, event, &raw const one, size_of::<u64>());
        loop {
            // Waits for SIGKILL. All signals that can be blocked are blocked.
            let nothing = ptr::null_mut::<c_void>();
            libc::syscall(libc::SYS_ppoll, nothing, 0 as c_long, nothing, nothing, KERNEL_SIGSET_SIZE);
        }
    }
}

/// Runs the only child of a spawn, or the second child of a double fork. Becomes its program.
pub extern "C" fn program(options: *mut c_void) -> c_int {
    let options = options.cast::<ChildOptions>();
    // SAFETY: the parent passes its `ChildOptions` and waits until this process has exec'd or died.
    unsafe {
        (*options).report.pid = libc::getpid();
        let foreground = foreground_of(&*options);
        let Err(step) = become_program(&*options);
        record(options, step);
        // Block signals again: giving the terminal back may send this process SIGHUP or SIGTTOU.
        set_signal_mask(u64::MAX);
        give_terminal_back(&*options, foreground);
        libc::_exit(127)
    }
}

/// Executes all steps up to the exec. Returns only the failed step.
///
/// # Safety
/// Must run in a child of CLONE_VM | CLONE_VFORK whose parent keeps the targets of all pointers in `options`.
unsafe fn become_program(options: &ChildOptions) -> Result<core::convert::Infallible, Step> {
    // SAFETY: the caller keeps the promise above for each call.
    unsafe {
        // First: when signals are unblocked, no handler of the parent may run here in the parent's memory.
        reset_signals();
        // Before the descriptors are placed, because the options name terminals by the parent's descriptors.
        control_jobs(options)?;
        place_descriptors(options)?;
        close_the_rest(options)?;
        if options.umask >= 0 {
            libc::umask(options.umask as libc::mode_t);
        }
        if !options.directory.is_null() && libc::chdir(options.directory) < 0 {
            return Err(Step::ChangeDirectory);
        }
        if !options.credentials.is_null() {
            take_credentials(&*options.credentials)?;
        }
        // After the credentials, because they decide whether the child may enter the directory.
        if !options.enterable.is_null() {
            may_enter(options.enterable)?;
        }
        // After the credentials, because changing them clears the death signal: prctl(2).
        if options.death_signal != 0 {
            die_with(options.parent, options.death_signal)?;
        }
        if options.pid_file >= 0 {
            write_pid(options.pid_file, options.system)?;
        }
        for &place in slice::from_raw_parts(options.own_pid, options.own_pid_len) {
            write_decimal(place, libc::getpid() as u32);
        }
        set_signal_mask(0);
        Err(execute(options))
    }
}

/// Tries the programs in order, as execvp(3) does for the directories of PATH. Goes on after EACCES and after the
/// errors of a missing file. Stops at any other error. Returns only if no program could be run, with EACCES if a
/// program was denied.
///
/// # Safety
/// Like `become_program`.
unsafe fn execute(options: &ChildOptions) -> Step {
    // SAFETY: the parent keeps the targets of the pointers. The array ends in null.
    unsafe {
        let errno = libc::__errno_location();
        let mut denied = false;
        let mut program = options.programs;
        while !(*program).is_null() {
            libc::execve(*program, options.argv, options.envp);
            match *errno {
                libc::EACCES => denied = true,
                libc::ENOENT | libc::ENOTDIR | libc::ENAMETOOLONG => {}
                // Errors of network file systems, on which execvp(3) of glibc goes on too.
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

/// Writes this process's pid into its pid file and locks the file: see `daemon/pid_file/mod.rs`.
fn write_pid(file: c_int, system: u64) -> StepResult {
    let mut line: [c_char; 12] = [0; 12];
    let lock = libc::flock {
        l_type: libc::F_WRLCK as c_short,
        l_whence: libc::SEEK_SET as c_short,
        l_start: 0,
        l_len: own_fingerprint(system),
        l_pid: 0,
    };
    // SAFETY: the line has room for ten digits, a newline and a NUL. The kernel reads the line and one struct.
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

/// Returns the length of a daemon's lock, which identifies the locking process (`fingerprint.rs`). `namespace`: the
/// inode number of the pid namespace of `pid`. `start`: the start time of the process.
pub fn fingerprint(system: u64, namespace: u64, pid: u32, start: u64) -> i64 {
    let hash = mix(mix(mix(mix(0, system), namespace), pid as u64), start);
    // Longer than any file, and below the highest position that a lock can have.
    1 << 61 | (hash >> 3) as i64
}

fn mix(hash: u64, value: u64) -> u64 {
    // The constants of splitmix64: https://prng.di.unimi.it/splitmix64.c
    let mixed = (hash ^ value).wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Returns this process's fingerprint. Returns 0 if /proc lacks the information: a lock of length 0 covers the whole
/// file.
fn own_fingerprint(system: u64) -> i64 {
    let mut namespace = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the struct is read only after the kernel has reported that it has written it.
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
    // Field 2, at most 64 characters long, may hold blanks and parentheses. Field 22 begins 20 blanks after field 2.
    const FIELDS_AFTER_NAME: usize = 20;
    let mut text = MaybeUninit::<[u8; 1024]>::uninit();
    // SAFETY: the kernel writes at most the size of `text`. Only the written bytes are read.
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
        // EINVAL for SIGKILL and SIGSTOP, which always have their default action.
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

/// Sets the signal mask by the raw system call, because glibc's wrapper never blocks its own signals 32 and 33:
/// nptl(7).
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

/// Sets session, controlling terminal, process group and foreground. All signals are blocked, because a background
/// process that takes the foreground gets SIGTTOU: tcsetpgrp(3).
fn control_jobs(options: &ChildOptions) -> StepResult {
    // SAFETY: passes numbers, and one pid that the kernel reads.
    unsafe {
        if options.lead_session && libc::setsid() < 0 {
            return Err(Step::Setsid);
        }
        if options.controlling_terminal >= 0
            && libc::ioctl(options.controlling_terminal, libc::TIOCSCTTY, 0) < 0
        {
            return Err(Step::ControllingTerminal);
        }
        if options.group >= 0 && libc::setpgid(0, options.group) < 0 {
            return Err(Step::SetGroup);
        }
        let group = libc::getpgid(0);
        if options.foreground >= 0 && libc::ioctl(options.foreground, libc::TIOCSPGRP, &raw const group) < 0 {
            return Err(Step::Foreground);
        }
    }
    Ok(())
}

/// Returns the foreground group of the terminal whose foreground the child takes; 0: none.
fn foreground_of(options: &ChildOptions) -> pid_t {
    let mut group: pid_t = 0;
    if options.foreground >= 0 {
        // SAFETY: the kernel writes one pid.
        unsafe { libc::ioctl(options.foreground, libc::TIOCGPGRP, &raw mut group) };
    }
    group
}

/// Undoes the terminal changes of a failed child. Gives the foreground back. Or detaches from the controlling terminal,
/// because the kernel would hang up that terminal when the session leader ends: setsid(2).
fn give_terminal_back(options: &ChildOptions, foreground: pid_t) {
    if foreground <= 0 && options.controlling_terminal < 0 {
        return;
    }
    let give_back = |terminal: c_int| {
        // SAFETY: the kernel reads one pid.
        unsafe {
            if options.controlling_terminal >= 0 {
                libc::ioctl(terminal, libc::TIOCNOTTY)
            } else {
                libc::ioctl(terminal, libc::TIOCSPGRP, &raw const foreground)
            }
        }
    };
    let named =
        if options.controlling_terminal >= 0 { options.controlling_terminal } else { options.foreground };
    // The child may have closed or replaced this descriptor. The kernel refuses both calls on any other terminal or
    // file.
    if give_back(named) < 0 {
        // SAFETY: opens a descriptor in this process's own table. The process ends next.
        give_back(unsafe { libc::open(c"/dev/tty".as_ptr(), libc::O_RDWR | libc::O_NOCTTY) });
    }
}

/// Places each source at its target, in two passes. The second pass fills the targets in ascending order, so it can
/// overwrite only a source that is lower than its target. The first pass copies such sources above all targets, and
/// copies a source of successive targets once.
///
/// # Safety
/// Like `become_program`.
unsafe fn place_descriptors(options: &ChildOptions) -> StepResult {
    // SAFETY: the parent made the array, and no other code accesses it now.
    let moves = unsafe { slice::from_raw_parts_mut(options.moves, options.moves_len) };
    let Some(&Move { target: highest, .. }) = moves.last() else { return Ok(()) };
    let mut last = Move { source: -1, target: -1 };
    for one in &mut *moves {
        if one.source >= one.target {
            continue;
        }
        if one.source != last.source {
            // SAFETY: acts on this process's own descriptor table.
            let copy = unsafe { libc::fcntl(one.source, libc::F_DUPFD_CLOEXEC, highest.wrapping_add(1)) };
            if copy < 0 {
                return Err(Step::Fcntl);
            }
            last = Move { source: one.source, target: copy };
        }
        one.source = last.target;
    }
    for one in &*moves {
        // SAFETY: acts on this process's own descriptor table. dup2(2) clears close-on-exec, but does nothing if both
        // descriptors are the same.
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

/// Closes every descriptor that is no target.
///
/// # Safety
/// Like `become_program`.
unsafe fn close_the_rest(options: &ChildOptions) -> StepResult {
    // SAFETY: the parent made the array, and no other code changes it now.
    let moves = unsafe { slice::from_raw_parts(options.moves, options.moves_len) };
    let mut first: c_int = 0;
    for one in moves {
        if first < one.target {
            close_range(options, first, one.target.wrapping_sub(1))?;
        }
        first = one.target.wrapping_add(1);
    }
    close_range(options, first, c_int::MAX)
}

fn close_range(options: &ChildOptions, first: c_int, last: c_int) -> StepResult {
    if options.close_one_by_one >= 0 {
        let mut fd = first;
        while fd <= last && fd <= options.close_one_by_one {
            // SAFETY: acts on this process's own descriptor table.
            unsafe { libc::close(fd) };
            fd = fd.wrapping_add(1);
        }
        return Ok(());
    }
    // SAFETY: acts on this process's own descriptor table.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first as c_uint, last as c_uint, 0 as c_uint) };
    if done < 0 { Err(Step::CloseRange) } else { Ok(()) }
}

/// Fails if this process may not search the directory `path`, which ends in `/.`: chdir(2) would fail too.
/// faccessat2(2) checks the effective credentials with their capabilities. access(2) checks the real credentials, and
/// is for kernels without faccessat2(2) and for seccomp profiles that refuse it.
///
/// # Safety
/// `path` must be a C string.
unsafe fn may_enter(path: *const c_char) -> StepResult {
    // SAFETY: the kernel reads a C string.
    unsafe {
        let asked = libc::syscall(libc::SYS_faccessat2, libc::AT_FDCWD, path, libc::X_OK, libc::AT_EACCESS);
        let refused = asked < 0 && matches!(*libc::__errno_location(), libc::ENOSYS | libc::EPERM);
        let answer = if refused { libc::access(path, libc::X_OK).into() } else { asked };
        if answer < 0 { Err(Step::Access) } else { Ok(()) }
    }
}

/// Sets the groups, then the gid, then the uid: a change of the uid first would take away the right to change the
/// others. Then checks the result, and that this process can't become root again.
///
/// # Safety
/// `to.groups` must be null or point to `to.groups_len` ids.
unsafe fn take_credentials(to: &Credentials) -> StepResult {
    const KEEP: c_long = -1;
    // SAFETY: the kernel reads `groups_len` ids from `groups`. The other arguments are numbers.
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

/// Requests `signal` for the death of the parent. Sends it at once if the parent has already died, because the kernel
/// then doesn't.
fn die_with(parent: pid_t, signal: c_int) -> StepResult {
    // SAFETY: passes numbers. The signal goes to this process, and stays pending while it is blocked.
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
/// `place` must have room for eleven bytes that no other code accesses now.
unsafe fn write_decimal(place: *mut c_char, number: u32) -> usize {
    let mut length: usize = 1;
    let mut rest = number / 10;
    while rest > 0 {
        length = length.wrapping_add(1);
        rest /= 10;
    }
    let digits = length;
    rest = number;
    // SAFETY: a number has at most ten digits, and the caller promises room for eleven bytes.
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

/// Records the failed step, and ends this process.
///
/// # Safety
/// Like `record`.
unsafe fn fail(options: *mut ChildOptions, step: Step) -> ! {
    // SAFETY: the caller keeps the promise of `record`.
    unsafe {
        record(options, step);
        libc::_exit(127)
    }
}

/// Records the failed step and its errno in the report.
///
/// # Safety
/// `options` must be the parent's, and no other code may access its report now.
unsafe fn record(options: *mut ChildOptions, step: Step) {
    // SAFETY: the parent reads the report only after this process has ended.
    unsafe {
        (*options).report.errno = *libc::__errno_location();
        (*options).report.step = step;
    }
}
