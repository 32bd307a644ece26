/// <reference types="node" />
import type { ChildProcess, ForkOptions } from 'node:child_process'
import type * as dgram from 'node:dgram'
import type { EventEmitter } from 'node:events'
import type { FileHandle } from 'node:fs/promises'
import type * as net from 'node:net'
import type * as tty from 'node:tty'

/*
 * Errors, for all that follows. A failed system call throws an `Error` shaped like Node's own: `code: 'EPERM'`,
 * `errno: -1`, `syscall: 'setsid'`, `path` where there is one. A wrong argument throws `ERR_INVALID_ARG_TYPE`,
 * `ERR_INVALID_ARG_VALUE` or `ERR_OUT_OF_RANGE` and has changed nothing. Conditions of procnative's own have codes
 * that start with `ERR_PROCNATIVE_` (docs/errors.md). Match on `code`; messages may change.
 *
 * Descriptors: who owns one, owns it afterwards too, unless it is said that it is taken over.
 *
 * Platform: Linux 5.9 or newer. Node.js 20 or newer for everything; Bun and Deno for what does not say otherwise.
 */

/**
 * The name of a signal. Node.js has no names for the real-time signals 34 to 64 of signal(7). These are SIGRTMIN, and
 * SIGRTMIN+1 to SIGRTMIN+30.
 */
export type Signal = NodeJS.Signals | RealTimeSignal

export type RealTimeSignal =
  | 'SIGRTMIN'
  | 'SIGRTMIN+1'
  | 'SIGRTMIN+2'
  | 'SIGRTMIN+3'
  | 'SIGRTMIN+4'
  | 'SIGRTMIN+5'
  | 'SIGRTMIN+6'
  | 'SIGRTMIN+7'
  | 'SIGRTMIN+8'
  | 'SIGRTMIN+9'
  | 'SIGRTMIN+10'
  | 'SIGRTMIN+11'
  | 'SIGRTMIN+12'
  | 'SIGRTMIN+13'
  | 'SIGRTMIN+14'
  | 'SIGRTMIN+15'
  | 'SIGRTMIN+16'
  | 'SIGRTMIN+17'
  | 'SIGRTMIN+18'
  | 'SIGRTMIN+19'
  | 'SIGRTMIN+20'
  | 'SIGRTMIN+21'
  | 'SIGRTMIN+22'
  | 'SIGRTMIN+23'
  | 'SIGRTMIN+24'
  | 'SIGRTMIN+25'
  | 'SIGRTMIN+26'
  | 'SIGRTMIN+27'
  | 'SIGRTMIN+28'
  | 'SIGRTMIN+29'
  | 'SIGRTMIN+30'

// ── Errors ───────────────────────────────────────────────────────────────────────────────────────────────────

/** A system call that failed. */
export interface SystemError extends Error {
  /** 'EPERM', 'ENOENT', … */
  code: string
  /** The negative of errno(3), as in Node.js. */
  errno: number
  syscall: string
  path?: string
}

/** A condition of procnative's own. `code` determines the other properties. */
export type ProcnativeError =
  | AlreadyRunningError
  | DaemonExitedError
  | DaemonTimeoutError
  | StopTimeoutError
  | ChildOwnedError
  | PlainError

export interface AlreadyRunningError extends Error {
  code: 'ERR_PROCNATIVE_ALREADY_RUNNING'
  /** The daemon that has the pid file, or null if it is not known. */
  pid: number | null
}

export interface DaemonExitedError extends Error {
  code: 'ERR_PROCNATIVE_DAEMON_EXITED'
  exitCode: number | null
  signal: Signal | null
  /** The last 64 KiB that the daemon wrote to standard error, or empty. */
  stderr: string
  /** The last error that reached the top of the program after the daemon's own call of {@link daemonize}. */
  cause?: Error
}

export interface DaemonTimeoutError extends Error {
  code: 'ERR_PROCNATIVE_DAEMON_TIMEOUT'
  /** In ms. */
  timeout: number
  /** The last 64 KiB that the daemon wrote to standard error, or empty. */
  stderr: string
  cause?: Error
}

export interface StopTimeoutError extends Error {
  code: 'ERR_PROCNATIVE_STOP_TIMEOUT'
  pid: number
  /** In ms. */
  timeout: number
}

export interface ChildOwnedError extends Error {
  code: 'ERR_PROCNATIVE_CHILD_OWNED'
  /** The child. If the call meant several children, the `pid` that was passed. */
  pid: number
}

/** Conditions with no other property than `cause`. */
export interface PlainError extends Error {
  code:
    | 'ERR_PROCNATIVE_ALREADY_DAEMONIZED'
    | 'ERR_PROCNATIVE_CHANNEL_CLOSED'
    | 'ERR_PROCNATIVE_CLUSTER_WORKER'
    | 'ERR_PROCNATIVE_HANDLES_LOST'
    | 'ERR_PROCNATIVE_HANDLES_MISSING'
    | 'ERR_PROCNATIVE_HANDLES_SURPLUS'
    | 'ERR_PROCNATIVE_HANDLE_CLOSED'
    | 'ERR_PROCNATIVE_HOLDER_UNKNOWN'
    | 'ERR_PROCNATIVE_INIT_PROCESS'
    | 'ERR_PROCNATIVE_LINK_LOST'
    | 'ERR_PROCNATIVE_MESSAGE_CUT'
    | 'ERR_PROCNATIVE_MESSAGE_INVALID'
    | 'ERR_PROCNATIVE_MESSAGE_TOO_LONG'
    | 'ERR_PROCNATIVE_NOT_ADOPTABLE'
    | 'ERR_PROCNATIVE_NO_BINARY'
    | 'ERR_PROCNATIVE_PLATFORM'
    | 'ERR_PROCNATIVE_PROCESS_CLOSED'
    | 'ERR_PROCNATIVE_REPL'
    | 'ERR_PROCNATIVE_RUNTIME'
    | 'ERR_PROCNATIVE_STDIN_SCRIPT'
    | 'ERR_PROCNATIVE_TEST_RUNNER'
    | 'ERR_PROCNATIVE_TOO_MANY_HANDLES'
    | 'ERR_PROCNATIVE_UNIX_SERVER'
    | 'ERR_PROCNATIVE_WORKER_THREAD'
}

// ── Sessions and process groups ──────────────────────────────────────────────────────────────────────────────

/**
 * setsid(2): makes the caller the leader of a new session and of a new process group, without a controlling
 * terminal. The end of the old terminal, or of the parent, does not reach it any more.
 *
 * To become a daemon, call {@link daemonize} instead: a process that was started from a shell leads its group, and
 * for a leader this call fails.
 *
 * @returns the new session id, which is also the process group id and the pid
 * @throws `EPERM` if the caller leads its process group, `ERR_PROCNATIVE_WORKER_THREAD` off the main thread
 * @see setsid(2)
 */
export function setsid(): number

/**
 * getsid(2): the session of a process.
 *
 * @param pid 0 or absent: this process
 * @throws `ESRCH` if there is no such process
 * @see getsid(2)
 */
export function getsid(pid?: number): number

/**
 * getpgid(2): the process group of a process.
 *
 * @param pid 0 or absent: this process
 * @throws `ESRCH` if there is no such process
 * @see getpgid(2)
 */
export function getpgid(pid?: number): number

/**
 * setpgid(2): moves a process, the caller or a child of it, into a process group of its session.
 *
 * @param pid 0: this process
 * @param pgid 0: a group of its own, named after it
 * @throws `EACCES` if the child has run exec already, `EPERM` if it leads a session or the group is none of the
 * session, `ESRCH` if it is neither the caller nor a child, `ERR_PROCNATIVE_WORKER_THREAD` for this process off the
 * main thread
 * @see setpgid(2)
 */
export function setpgid(pid: number, pgid: number): void

/**
 * tcgetpgrp(3): the foreground process group of a terminal, the one that Ctrl-C goes to.
 *
 * @param fd the caller's controlling terminal; stays the caller's
 * @throws `ENOTTY` if it is no terminal or not the controlling one, `EBADF`
 * @see tcgetpgrp(3)
 */
export function tcgetpgrp(fd: number): number

/**
 * tcsetpgrp(3): makes a process group the foreground group of a terminal. SIGTTOU is blocked around the call, so
 * that it works from the background too, where it would otherwise stop the process.
 *
 * @param fd the caller's controlling terminal; stays the caller's
 * @param pgid a group of the caller's session
 * @throws `ENOTTY` if it is no terminal or not the controlling one, `EPERM` if the group is none of the session,
 * `ESRCH` if there is no such group, `EBADF`
 * @see tcsetpgrp(3)
 */
export function tcsetpgrp(fd: number, pgid: number): void

/**
 * tcgetsid(3): the session of which a terminal is the controlling one.
 *
 * @param fd the caller's controlling terminal; stays the caller's
 * @throws `ENOTTY` if it is no terminal or not the controlling one, `EBADF`
 * @see tcgetsid(3)
 */
export function tcgetsid(fd: number): number

/**
 * The path of the controlling terminal ('/dev/pts/3'), from tty_nr in /proc/self/stat, or null if there is none.
 * Where the terminal has no name in this mount namespace, '/dev/tty', which opens it all the same.
 *
 * @see proc_pid_stat(5)
 */
export function controllingTerminal(): string | null

/**
 * prctl(PR_SET_CHILD_SUBREAPER): orphans among this process's descendants become its children instead of init's.
 *
 * @throws `ERR_PROCNATIVE_WORKER_THREAD` off the main thread
 * @see PR_SET_CHILD_SUBREAPER(2const), Linux 3.4
 */
export function setChildSubreaper(enabled: boolean): void

/**
 * prctl(PR_GET_CHILD_SUBREAPER): whether orphans among this process's descendants become its children.
 *
 * @see PR_GET_CHILD_SUBREAPER(2const), Linux 3.4
 */
export function isChildSubreaper(): boolean

/**
 * prctl(PR_SET_PDEATHSIG): the signal that this process gets when its parent dies; null for none. A parent that
 * dies during the call is noticed, and the signal is sent (it may then come twice, once from the kernel).
 *
 * The parent, in Linux, is the thread that started this process. The setting is the calling thread's, is not
 * inherited by children, and is cleared by the exec of a set-user-ID program.
 *
 * @throws `ERR_PROCNATIVE_WORKER_THREAD` off the main thread
 * @see PR_SET_PDEATHSIG(2const)
 */
export function setParentDeathSignal(signal: Signal | null): void

// ── Daemons ──────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Where a daemon's output goes: 'ignore' is /dev/null, 'inherit' the launcher's own, a number a descriptor of the
 * launcher's, and any other string a file to append to, opened by the launcher. A new file is created with the daemon's umask
 * and given to its `user` and `group`. If the launcher may not do that (CAP_CHOWN), the file stays the launcher's.
 */
export type Output = 'ignore' | 'inherit' | string | number

export interface DaemonizeOptions {
  /** The daemon's working directory: a path or a file: URL. The daemon enters it in `daemonize()`. Default '/'. */
  cwd?: string | URL
  /** The daemon's file mode creation mask. Default 0o022. */
  umask?: number
  /**
   * Default 'ignore'. Give a long-running daemon a log file: with 'ignore', the report of an uncaught error after readiness
   * is lost, and nothing says why the daemon has ended.
   */
  stdout?: Output
  /**
   * Default: the same as stdout. With 'ignore', what is written before readiness is kept in memory, for the error of
   * a start that fails; a child that was started before then goes on writing into that memory, unless it is given a
   * standard error of its own. With a limit RLIMIT_FSIZE, which includes such memory, it is /dev/null from the start.
   */
  stderr?: Output
  /**
   * A file that is locked for as long as the daemon lives, and holds its pid. While another one has it, this throws
   * `ERR_PROCNATIVE_ALREADY_RUNNING`. The lock is what counts: a file that was left behind, by a crash or by SIGKILL,
   * is no obstacle, whatever stands in it.
   *
   * The file has mode 0600, since who can read a file can lock it too, and keep a daemon from being started; it
   * follows no symbolic link; it belongs to whoever starts the daemon, also where that becomes another user. It is
   * removed at an exit that emits 'exit' (`process.exit()`, an empty event loop, an uncaught error), after the last
   * handler of that, or emptied where its user may not remove it; not when a signal without a handler kills it.
   *
   * `process.execve()` closes the file and so drops the lock: the new program does not hold it, and no exit handler runs.
   * Start a successor by {@link spawnDaemon} instead, which passes the lock on. Or let the new program call
   * `daemonize({ foreground: true, pidFile })`. Another daemon may take the lock in between.
   */
  pidFile?: string
  /**
   * The user to run as, by name or number, with the supplementary groups of the group database. Root can't be
   * regained: where a capability would allow that, the start fails with EPERM.
   */
  user?: string | number
  /** The group to run as, by name or number. Default: the user's own. */
  group?: string | number
  /** Descriptors that the daemon gets, as `daemon.kept`, in this order. All others are closed. They stay yours. */
  keep?: readonly Sendable[]
  /**
   * When the launcher may end. 'auto', the default: when the rest of the main script (a main module's top-level
   * awaits included) and one turn of the event loop after it have gone by without an uncaught error. What can fail
   * later, such as listening on a host name or connecting to a database, needs 'manual' and `daemon.ready()`; so
   * does a main module that awaits for as long as it runs.
   *
   * The main script is the one that calls: where another module calls on its behalf while it is loaded (an import of
   * the main module, a preload), the awaits of the main module are not waited for, nor are those of code given by
   * --eval or of a main module found through --preserve-symlinks-main.
   */
  ready?: 'auto' | 'manual'
  /**
   * Milliseconds that the daemon has to become ready, or it is killed. Default 30,000. None while a debugger is
   * waited for (--inspect-brk, --inspect-wait).
   */
  readyTimeout?: number
  /**
   * Do everything but the fork, the session and the redirection: for a container's PID 1, and under systemd.
   * Default false.
   *
   * Also for PM2, nodemon and `node --watch`. These start a program again when it has ended or a file has changed, and end
   * only the process that they have started. A launcher ends once its daemon is ready. Decide by an argument:
   * `foreground: process.argv.includes('--foreground')`, and then `node --watch server.js --foreground`.
   */
  foreground?: boolean
}

/** What {@link daemonize} returns, in the daemon. */
export interface Daemon {
  /** `process.pid`, which is what the launcher and the service manager know. */
  readonly pid: number
  /** The session, whose leader is gone: never the pid, unless in the foreground. */
  readonly sid: number
  /** The absolute path of the pid file, or null. */
  readonly pidFile: string | null
  /** Whether nothing was forked. */
  readonly foreground: boolean
  /** The descriptors of `keep`, in that order; each `Handle` owns its own. */
  readonly kept: readonly Handle[]
  /**
   * Releases the launcher, which ends with 0; in the foreground, tells the service manager. Once is enough, twice
   * is no error. If the launcher has died without hearing of it, so does the daemon. Can be passed as a callback.
   *
   * Another process may report for this one: a launcher with NOTIFY_SOCKET, or a predecessor under a service manager. `ready()`
   * then waits until the manager knows the new main process: usually milliseconds, at most ten seconds. systemd
   * ignores a {@link notify} of any other process.
   */
  ready(): void
  /**
   * After a log rotation: opens the files of `stdout` and `stderr` anew, in the place of those that were renamed. What
   * is written from then on goes to the new ones, and no line is lost in between. Can be passed as a callback
   * (`process.on('SIGHUP', daemon.reopenLogs)`). In the foreground, where output is somebody else's, does nothing.
   *
   * The daemon's user must have the right to open or create the files. If one of them can't be opened, the daemon goes on in
   * the old files, and a line in each says why. Nothing is thrown, because an error would end the daemon.
   *
   * @returns null, or the system error of the file that can't be opened
   * @see open(2), dup2(2)
   */
  reopenLogs(): NodeJS.ErrnoException | null
}

/**
 * Makes this program a daemon: forks twice, in a session of its own that it does not lead, without a terminal, and
 * runs the program again in it, with the same arguments and options. Returns only there. The process that called,
 * the launcher, ends with 0 once the daemon is ready, without running its exit handlers; or this throws in it.
 *
 * In the daemon: cwd, umask and user as in the options, which are those that the launcher was given: what this same call
 * has as options in the daemon is not looked at. stdin is /dev/null; open are 0, 1, 2, the pid file and what `keep` says;
 * signals that were blocked or ignored are reset. `NOTIFY_SOCKET`: the launcher tells systemd of MAINPID and READY.
 * Sockets of systemd's (`LISTEN_FDS`) go on to the daemon.
 *
 * Arguments and variables that are not valid UTF-8 keep their bytes. The bytes of arguments come from /proc/self/cmdline when
 * procnative is loaded, so `process.title` must not be set before.
 *
 * While the launcher waits, SIGINT, SIGTERM, SIGHUP and SIGQUIT have their default action. If it dies, so does the
 * daemon, until that is ready. If the start fails, what the daemon has started in its process group is killed too.
 *
 * @throws `ERR_PROCNATIVE_DAEMON_EXITED` if the daemon died before it was ready, with `exitCode` or `signal`,
 * `stderr` (the last 64 KiB that it wrote there; empty unless that is a regular file, or 'ignore') and, as `cause`,
 * the last error that reached the top of the program after the daemon's own call, as a rule the one that ended it
 * @throws `ERR_PROCNATIVE_DAEMON_TIMEOUT` if it was not ready in time; it and its process group were killed
 * @throws `ERR_PROCNATIVE_ALREADY_RUNNING` if another daemon has the pid file, with its `pid`
 * @throws the system's error for a step that failed: `open` of a log, `chdir`, `setgroups`, `setuid`, `execve`, …
 * @throws `EBADF`, or `ERR_PROCNATIVE_HANDLE_CLOSED`, for something closed in `keep`, `stdout` or `stderr`
 * @throws `ERR_UNKNOWN_CREDENTIAL` for a user or group that does not exist
 * @throws `ERR_PROCNATIVE_ALREADY_DAEMONIZED` when called again in the daemon
 * @throws `ERR_PROCNATIVE_LINK_LOST` in a daemon that has closed the descriptors it was started with
 * @throws `ERR_PROCNATIVE_INIT_PROCESS` as PID 1, unless `foreground`
 * @throws `ERR_PROCNATIVE_TEST_RUNNER` in a process that runs tests, unless `foreground`: the process would end with 0
 * @throws `ERR_PROCNATIVE_STDIN_SCRIPT`, `ERR_PROCNATIVE_REPL`, `ERR_PROCNATIVE_WORKER_THREAD`,
 * `ERR_PROCNATIVE_CLUSTER_WORKER`, `ERR_PROCNATIVE_RUNTIME` (Bun, Deno) where there is no program to run again
 * @see daemon(7), daemon(3), setsid(2), sd_notify(3)
 */
export function daemonize(options?: DaemonizeOptions): Daemon

export interface SpawnDaemonOptions
  extends Omit<
    SpawnOptions,
    'cwd' | 'umask' | 'stdio' | 'session' | 'processGroup' | 'controllingTerminal' | 'foreground' | 'parentDeathSignal'
  > {
  /**
   * The daemon's working directory: a path or a file: URL. Default '/'. A `file` with a slash and paths in `args` are
   * relative to it.
   */
  cwd?: string | URL
  /** The daemon's file mode creation mask. Default 0o022. */
  umask?: number
  /**
   * The daemon's descriptors, each at its index. A missing one, null or undefined is 'ignore', and there are always at least
   * three. Default 'ignore'. 'inherit' is the caller's descriptor of the same number. A path is opened to append to, as for
   * {@link Output}, but not at index 0, which is read from.
   */
  stdio?: 'ignore' | 'inherit' | ReadonlyArray<Output | null | undefined>
  /**
   * A pid file, as in {@link DaemonizeOptions.pidFile}; but only a daemon that procnative runs in can remove it.
   *
   * Where the caller itself holds it, the daemon becomes its successor: it inherits the lock, the pid in the file
   * becomes its own when it is ready, and systemd is told of it (MAINPID). There is no moment without a holder, and if
   * the start fails nothing has changed. There can be one successor at a time. In it, `daemonize({ pidFile })`, with
   * `foreground: true` or without, takes the file over.
   */
  pidFile?: string
  /**
   * When the promise resolves. 'exec', the default: the program was begun. 'notify': it has said READY=1, as a service
   * of systemd's does (sd_notify(3)), to a `NOTIFY_SOCKET` of its own; only its own process is believed. What systemd
   * gave the caller as `NOTIFY_SOCKET` is in `PROCNATIVE_NOTIFY_SOCKET` until then, and {@link notify} puts it back.
   */
  ready?: 'exec' | 'notify'
  /** With 'notify', milliseconds that the daemon has to become ready, or it is killed. Default 30,000. */
  readyTimeout?: number
  /**
   * Listening sockets, or any descriptors, that the daemon gets at 3, 4, …, in this order, as LISTEN_FDS (sd_listen_fds
   * (3)); an object's keys become LISTEN_FDNAMES. {@link listenFds} takes them there. They stay yours here, and can be
   * closed as soon as this has returned.
   */
  listen?: readonly Sendable[] | Record<string, Sendable>
}

/**
 * Makes any program a daemon, and goes on: forks twice, as {@link daemonize} does, and runs it in a session of its own
 * that it does not lead. No zombie and no descriptor of it stays here, and the call takes the same time, a fraction of a
 * millisecond, whatever the size of this process: it opens and locks what there is to, and a thread does the rest.
 *
 * It gets 0, 1, 2 and what `stdio` and `listen` say; then the pid file's lock, if it has one, which its children get
 * too unless it sees to it that they don't, as Node.js does.
 *
 * A caller that is PID 1, or a subreaper, becomes its parent, and has to reap it. One that ends while the promise is
 * pending leaves the daemon to itself: nobody is left then to apply `readyTimeout`.
 *
 * @param file the program; without a slash it is looked for in `PATH`, as by execvp(3)
 * @returns its pid; with 'notify', the MAINPID that it has given, if it has
 * @throws (rejects) the system's error for a step that failed: `execve`, `chdir`, `open` of a log, `setuid`, …
 * @throws (rejects) `ERR_PROCNATIVE_ALREADY_RUNNING` if another daemon has the pid file, with its `pid`
 * @throws (rejects) `ERR_PROCNATIVE_DAEMON_EXITED` if it died before it was ready, with `exitCode` or `signal`, both
 * null where the kernel does not tell, and `stderr`: the last 64 KiB that it wrote there, where that is a file
 * @throws (rejects) `ERR_PROCNATIVE_DAEMON_TIMEOUT` if it was not ready in time; it and its process group were killed
 * @throws (rejects) `ERR_UNKNOWN_CREDENTIAL` for a user or group that does not exist
 * @throws (rejects) `ERR_PROCNATIVE_UNIX_SERVER` for a Unix server in `listen` that would remove its file when it is
 * closed here: see {@link listenUnix}
 * @see daemon(7), sd_listen_fds(3), sd_notify(3)
 */
export function spawnDaemon(
  file: string | Uint8Array,
  args?: readonly BytesOrArgument[] | null,
  options?: SpawnDaemonOptions,
): Promise<{ pid: number }>
export function spawnDaemon(file: string | Uint8Array, options?: SpawnDaemonOptions): Promise<{ pid: number }>

/**
 * Returns whether a daemon runs, that is, whether its pid file is locked. `pid` is the process that the file names, if that
 * process has the lock. `pid` is null if no daemon runs, while one starts, and if the holder is unknown:
 *
 * - the number comes from another pid namespace (a container's file on a shared volume)
 * - the caller may not look at the process, and the lock was not taken for that process
 * - the file belongs to another user than root or the caller, and the process does not belong to that user
 *
 * Takes no lock, waits for nothing, and changes nothing.
 *
 * @throws `EACCES` if the file may not be read, `ELOOP` if it is a symbolic link, …; a file that is not there is no
 * error
 * @see F_OFD_GETLK in fcntl_locking(2)
 */
export function daemonStatus(pidFile: string): { running: boolean; pid: number | null }

export interface StopDaemonOptions {
  /** Default 'SIGTERM'. */
  signal?: Signal
  /** Milliseconds to wait for its end. Default 10,000. */
  timeout?: number
  /** Whether to send SIGKILL after that, and to wait as long again. Default true. */
  kill?: boolean
}

/**
 * Stops the daemon of a pid file and waits for its end. Signals the daemon through a pidfd, after a check that this process has
 * the lock: never a stranger that has its number. The lock may outlive the daemon by milliseconds if another thread of
 * this process is just starting a child: {@link daemonStatus} says running then, and a start waits for it.
 *
 * A daemon may end while it starts its successor ({@link SpawnDaemonOptions.pidFile}), which then has the lock. `stopDaemon()`
 * waits for the successor, up to `timeout` or five seconds if that is longer, and stops it in the same way. A daemon that
 * another program starts meanwhile, such as a standby or a supervisor, goes on: it has locked the file anew. So does a successor
 * whose descriptors the caller may not look at, because it can't be told from that.
 *
 * @returns null if none runs; else the pid found first, and whether any of them needed SIGKILL
 * @throws (rejects) `ERR_PROCNATIVE_STOP_TIMEOUT` if it is still there, with `pid`
 * @throws (rejects) `ERR_PROCNATIVE_HOLDER_UNKNOWN` if the file is locked, but {@link daemonStatus} gives no pid. After a
 * daemon's end: only if its own lock is still there, held by a process that the file does not name
 * @throws (rejects) `EPERM` if it may not be signalled, and what {@link daemonStatus} throws
 * @see pidfd_open(2), pidfd_send_signal(2), Linux 5.3
 */
export function stopDaemon(
  pidFile: string,
  options?: StopDaemonOptions,
): Promise<{ pid: number; killed: boolean } | null>

// ── Processes ────────────────────────────────────────────────────────────────────────────────────────────────

/** An argument of a program: a string, or a finite number, which is converted to a decimal string. */
export type Argument = string | number

/** An argument of a program, or bytes that are not valid UTF-8. The bytes are copied, and must not contain a null byte. */
export type BytesOrArgument = Argument | Uint8Array

export interface SpawnOptions {
  /** What the program sees as its own name. Default: `file`. */
  argv0?: string | Uint8Array
  /**
   * The child's working directory: a path or a file: URL. Default, also for '': the caller's. A `file` with a slash and paths
   * in `args` are relative to it.
   */
  cwd?: string | URL
  /**
   * The child's environment. Its `PATH` is searched for `file`. Default: `process.env`.
   *
   * Variables that are not valid UTF-8 keep their bytes, by default and with `env: process.env`. A value in a copy, such as
   * `{ ...process.env }`, keeps its bytes if, with U+FFFD, it equals the value that this process was started with. A copy lacks
   * variables whose name is not valid UTF-8. So does `process.env` in a worker thread, in Bun and in Deno.
   */
  env?: Record<string, BytesOrArgument | boolean | undefined>
  /**
   * What the child's descriptors are to be, each at its index; what is missing, null or undefined is 'pipe' for the first
   * three, and 'ignore' for others, as in child_process. Default 'pipe'. Any mapping goes: `[0, 2, 1]` swaps output and errors.
   *
   * - 'pipe': a new one, with the other end in {@link Process.stdio}: pipe(7) for 0, 1 and 2, above that a pair of
   *   sockets, which goes both ways. Node.js only. To be another child's `stdio`, an end is handed on in the same turn:
   *   in the next one Node.js begins to read from it. A pipe holds 64 KiB. If a Node.js child calls `process.exit()`, the data
   *   that the pipe has no room for is lost: set `process.exitCode` in the child instead, or use 'socket' for large pieces.
   * - 'socket': a pair of sockets, as in child_process. Both ends are two-way. Node.js only. The kernel counts its own overhead
   *   of each write. With the usual net.core.wmem_max of 208 KiB, there is room for 300 KiB in pieces of 4 KiB, but only for
   *   50 KiB in lines of 100 bytes. From 1 MiB on, there is five times the room. The child can't open /dev/stdin, /dev/stdout
   *   and /dev/stderr (ENXIO), as `echo >/dev/stderr` does in most shells.
   * - 'ignore': /dev/null
   * - 'inherit': the caller's descriptor of that number
   * - anything that has a descriptor, which stays yours
   *
   * Of what becomes 0, 1 or 2, O_NONBLOCK is cleared, as child_process does it, for whoever else has it, too. All other
   * descriptors are closed in the child.
   */
  stdio?:
    | 'pipe'
    | 'socket'
    | 'ignore'
    | 'inherit'
    | ReadonlyArray<'pipe' | 'socket' | 'ignore' | 'inherit' | Sendable | null | undefined>
  /** The child's file mode creation mask. Default: the caller's. */
  umask?: number
  /**
   * The user to run as, by name or number, with the supplementary groups of the group database. Root can't be
   * regained: where a capability would allow that, the call fails with EPERM.
   */
  user?: string | number
  /** The group to run as, by name or number. Default: the user's own. */
  group?: string | number
  /** setsid(2): the child leads a session of its own, without a terminal. Default false. */
  session?: boolean
  /**
   * setpgid(0, n): the child joins a process group of the caller's session; with 0 it leads one of its own. Not together
   * with `session` or `controllingTerminal`, which give it one.
   */
  processGroup?: number
  /** A terminal's descriptor: becomes the controlling terminal of the child's session. Implies `session`. */
  controllingTerminal?: number
  /**
   * A terminal's descriptor: the child's process group becomes its foreground group, before the program runs. With
   * `processGroup: 0` this is a shell's foreground job: Ctrl-C and Ctrl-Z reach it, and not the caller.
   */
  foreground?: number
  /**
   * The signal that the child gets when the caller dies, be it by SIGKILL. Refused off the main thread: the parent, in
   * Linux, is the thread that calls. It may come more than once. Cleared in the child when it runs a set-user-ID program.
   */
  parentDeathSignal?: Signal
}

/**
 * Runs a program as a child of this process. The call takes the same time whatever the size of this process, since its
 * memory is neither copied nor mapped anew: clone(CLONE_VM | CLONE_VFORK). It returns when the program has begun.
 *
 * The child gets the descriptors of `stdio` and no others. Signals that are blocked or ignored here are not so there.
 *
 * Its status is for whoever waits for it: {@link Process.wait}, {@link waitpid} or {@link wait}; until then a child that
 * has ended is a zombie, as POSIX has it. Once its `Process` has been closed, or collected as garbage, procnative reaps it:
 * keep the object for as long as you want to wait for its pid. When a worker thread ends, procnative also reaps the
 * children that the thread has started.
 *
 * @param file the program; without a slash it is looked for in `PATH`, as by execvp(3), but for the shell: a file that is
 * no program (ENOEXEC) is an error
 * @param args may be left out, or be null. docs/guides/from-child-process.md compares it with child_process
 * @throws the system's error for a step that failed, with its `syscall` and `path`: `execve` (`ENOENT`, `EACCES`,
 * `ENOEXEC`), `chdir`, `setpgid`, `ioctl` and `tcsetpgrp` of a terminal, `setgroups`, `setgid`, `setuid`, `fcntl`
 * (`EBADF`), `clone`; then there is no child
 * @throws `ERR_UNKNOWN_CREDENTIAL` for a user or group that does not exist
 * @throws `ERR_PROCNATIVE_WORKER_THREAD` for `parentDeathSignal` off the main thread
 * @throws `ERR_PROCNATIVE_RUNTIME` for a 'pipe' or 'socket' in Bun or Deno, which can't make a socket of a descriptor
 * @see clone(2), execve(2), posix_spawn(3)
 */
export function spawn(
  file: string | Uint8Array,
  args?: readonly BytesOrArgument[] | null,
  options?: SpawnOptions,
): Process
export function spawn(file: string | Uint8Array, options?: SpawnOptions): Process

/**
 * Any process, by its pid: a pidfd, which never comes to stand for another one. Its {@link Process.wait} observes: it
 * takes the status away from nobody.
 *
 * @throws `ESRCH` if there is no such process; `ENOENT` or, of older kernels, `EINVAL` if that is a thread's id
 * @see pidfd_open(2), Linux 5.3
 */
export function openProcess(pid: number): Process

/** A process that {@link spawn} or {@link openProcess} has given. It owns a pidfd, until it is waited for or closed. */
export class Process {
  private constructor()
  readonly pid: number
  /** The other ends of each 'pipe' or 'socket' in `stdio`, each at its index; null for the rest. They are yours. */
  readonly stdio: ReadonlyArray<net.Socket | null>
  /**
   * Sends a signal through the pidfd: never to a stranger who was given the number.
   *
   * @param signal its name or number; 0 only asks. Default 'SIGTERM'
   * @returns false if the process is gone; a zombie is not
   * @throws `EPERM`; `ERR_PROCNATIVE_PROCESS_CLOSED` once closed
   * @see pidfd_send_signal(2), Linux 5.1
   */
  kill(signal?: Signal | number): boolean
  /**
   * Resolves when the process has ended, also if it had before; any number of times. What was spawned is reaped by
   * this, what was opened is not. While it is pending it keeps the event loop alive, unless {@link unref} was called.
   *
   * Output may still be on its way through a pipe then.
   *
   * @throws (rejects) `ERR_PROCNATIVE_PROCESS_CLOSED` once closed, unless its end was heard of before; the reason of
   * `signal`, if that was aborted
   */
  wait(options?: { signal?: AbortSignal }): Promise<WaitStatus>
  /** Undoes {@link unref}. */
  ref(): this
  /** Has its waits not keep the event loop alive. */
  unref(): this
  /**
   * Gives it up: closes the pidfd. A child goes on running, and is reaped when it ends. What waits already, still
   * hears of that.
   */
  close(): void
  [Symbol.dispose](): void
}

/** What has become of a process. */
export interface WaitStatus {
  pid: number
  /** 'unknown': gone, and the kernel keeps its status from us, as that of another one's child on Linux before 6.15. */
  state: 'exited' | 'killed' | 'stopped' | 'continued' | 'unknown'
  /** If it exited. */
  exitCode: number | null
  /** The signal that killed or stopped the process. */
  signal: Signal | null
  /** Whether a core was written. */
  coreDumped: boolean
  /**
   * What it and those of its children that it has waited for have used, in microseconds and KiB, as in
   * `process.resourceUsage()`; null where it is no child of ours, or was reaped by another one. `maxRSS` is never less
   * than what this process had in use when it spawned the child, which borrows that memory until its program begins.
   */
  usage: { userCPUTime: number; systemCPUTime: number; maxRSS: number } | null
}

export interface WaitOptions {
  /** WNOHANG: do not wait. Default false. */
  nohang?: boolean
  /** WUNTRACED: also children that were stopped. Default false. */
  untraced?: boolean
  /** WCONTINUED: also those that were continued. Default false. */
  continued?: boolean
  /** WNOWAIT: leave it as it is, to be waited for again. Default false. */
  nowait?: boolean
  /** Also take what is somebody else's: see {@link waitpid}. Default false. */
  force?: boolean
}

/**
 * waitpid(2): waits for a child and reaps it. Blocks the whole thread, the event loop with it, unless `nohang`; {@link wait}
 * does not. Signals do not interrupt it.
 *
 * The children of child_process are the runtime's to wait for: had this taken the status, their 'exit' event would never
 * come. Unless `force` or `nowait`, it therefore refuses
 *
 * - a child that child_process has started in this thread since procnative was loaded there
 * - a child of another thread, of which it can't know that, unless {@link spawn} has started it
 * - -1, and a group, as long as there is one of child_process's among them; and it looks at this thread's children only
 * - in Bun and Deno, which do not tell of theirs, whatever {@link spawn} has not started; -1 and groups always
 *
 * @param pid a child; -1: any; 0: any of the caller's process group; less than -1: any of the group of that number
 * @returns null with `nohang`, if there is nothing to tell yet
 * @throws `ECHILD` if it is no child, or was waited for already
 * @throws `ERR_PROCNATIVE_CHILD_OWNED`, with `pid`, where it may be the runtime's
 * @see waitpid(2), waitid(2)
 */
export function waitpid(pid: number, options?: WaitOptions & { nohang?: false }): WaitStatus
export function waitpid(pid: number, options?: WaitOptions): WaitStatus | null

/**
 * Resolves when a process has ended, and reaps it if it is a child. Any process can be waited for; two that wait for one
 * both hear of it. No thread is needed on Node.js, one in all elsewhere; a descriptor each. While it is pending it keeps
 * the event loop alive.
 *
 * @param options.observe take nothing away: the process stays a zombie for whoever waits for it, be that the runtime. What
 * that has been quicker to reap is told all the same since Linux 6.15, and else of state 'unknown'. Default false
 * @param options.force also take what is the runtime's: see {@link waitpid}. Default false
 * @param options.signal stops waiting; the process goes on
 * @throws (rejects) `ESRCH` if there is no such process, `EMFILE`
 * @throws (rejects) `ERR_PROCNATIVE_CHILD_OWNED`, with `pid`, as {@link waitpid}, unless `observe`
 * @throws (rejects) the reason of `signal`, if that was aborted
 * @see pidfd_open(2), waitid(2), PIDFD_GET_INFO in linux/pidfd.h
 */
export function wait(
  pid: number,
  options?: { observe?: boolean; force?: boolean; signal?: AbortSignal },
): Promise<WaitStatus>

/**
 * Reaps orphans: children that this process has not started, but was given when their parents died, because it is PID 1
 * or a subreaper ({@link setChildSubreaper}). Those of child_process, of {@link spawn} and of worker threads are left to
 * whoever has started them. It is woken by SIGCHLD, looks at each child by its pid, and takes one that has been a zombie,
 * and nobody else's, for 20 ms.
 *
 * A child started by an addon itself, or by another installed copy of procnative, looks like an orphan. So does a child of
 * child_process started before procnative was loaded. {@link protect} such a child.
 *
 * It does not keep the event loop alive. If called again, each listener hears of each orphan.
 *
 * @param listener is told of each orphan that was reaped
 * @returns what ends it
 * @throws `ERR_PROCNATIVE_WORKER_THREAD` off the main thread; `ERR_PROCNATIVE_RUNTIME` in Bun and Deno, where it can't
 * be known which children are the runtime's; `ENOENT` of a kernel that does not list children (CONFIG_PROC_CHILDREN)
 * @see proc_pid_task(5), waitid(2)
 */
export function reapOrphans(listener?: (status: WaitStatus) => void): { stop(): void }

/**
 * Keeps {@link reapOrphans} from reaping a process, for as long as that is there. Takes a descriptor until then: whoever has
 * its number later is not protected.
 *
 * @throws `ESRCH` if there is no such process
 * @throws `ERR_PROCNATIVE_WORKER_THREAD` off the main thread; `ERR_PROCNATIVE_RUNTIME` in Bun and Deno
 * @see pidfd_open(2)
 */
export function protect(pid: number): void

// ── systemd ──────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * The sockets that this process was handed by systemd or by {@link spawnDaemon}: LISTEN_FDS, from descriptor 3 on. Each
 * `Handle` owns its own, close-on-exec, with its name of LISTEN_FDNAMES. The variables are removed, so that this gives
 * them once; those of another process (LISTEN_PID) are left alone, and an empty array is returned. Returns an empty array in a
 * worker thread, too, because the sockets belong to the main thread.
 *
 * @throws `EBADF` if a descriptor is not open
 * @see sd_listen_fds(3)
 */
export function listenFds(): Handle[]

/**
 * Tells the service manager how this process does: 'READY=1', 'STOPPING=1', 'WATCHDOG=1', 'STATUS=…', lines of these.
 *
 * @returns whether it was sent; false if there is no `NOTIFY_SOCKET`, or nobody listens there
 * @throws `EAGAIN` if too much is waiting to be read there, or another error of `sendmsg`
 * @see sd_notify(3)
 */
export function notify(state: string): boolean

// ── Handles ──────────────────────────────────────────────────────────────────────────────────────────────────

/** Anything that has a descriptor. What takes one of these leaves its owner what it is. */
export type Sendable = number | Handle | net.Server | net.Socket | dgram.Socket | FileHandle | { readonly fd: number }

/**
 * What is behind a descriptor, by fstat(2) and socket options. Sockets of Unix datagrams, of other protocols, and what has no
 * inode of its own (epoll sets, timers, pidfds) have kinds too: 'unix-dgram', 'other'.
 */
export type HandleKind =
  | 'tcp-server'
  | 'tcp-socket'
  | 'unix-server'
  | 'unix-socket'
  | 'unix-seqpacket'
  | 'unix-dgram'
  | 'udp'
  | 'pipe'
  | 'file'
  | 'directory'
  | 'tty'
  | 'character-device'
  | 'block-device'
  | 'other'

/**
 * Owns a descriptor until it is taken, adopted or closed. If one that was received with a message is collected before, its
 * descriptor is closed, and a warning with the code `PROCNATIVE_HANDLE_COLLECTED` is emitted; of several, when all those are
 * collected that were not taken, adopted or closed. Others are left open: they may be in use by their numbers.
 *
 * Don't close a descriptor by its number while a handle owns it: call {@link Handle.take} first. If the number belongs to
 * another file by then, neither the collector nor the end of a worker thread closes it.
 */
export class Handle {
  private constructor()
  /**
   * The descriptor, which stays the handle's.
   *
   * @throws `ERR_PROCNATIVE_HANDLE_CLOSED` once taken or closed
   */
  readonly fd: number
  /**
   * What it is. Asked of the kernel each time.
   *
   * @throws `ERR_PROCNATIVE_HANDLE_CLOSED` once taken or closed
   */
  readonly kind: HandleKind
  /** The name that it was handed over with (LISTEN_FDNAMES), or null. */
  readonly name: string | null
  /**
   * What Node.js has for it, which owns the descriptor from here on:
   *
   * - 'tcp-server', 'unix-server': a `net.Server` that listens. No primary is asked in a cluster worker, and to close it
   *   leaves the path of a Unix socket alone
   * - 'tcp-socket', 'unix-socket': a `net.Socket`
   * - 'pipe': a `net.Socket`, readable or writable as its end is
   * - 'udp': a `dgram.Socket` that is bound
   * - 'tty': a `tty.WriteStream` if it can only be written to, else a `tty.ReadStream`
   *
   * Node.js sets O_NONBLOCK on what it adopts, which all feel who have the same description.
   *
   * @throws `TypeError` `ERR_PROCNATIVE_NOT_ADOPTABLE` for other kinds, with what to do with `fd` instead
   * @throws `ERR_PROCNATIVE_HANDLE_CLOSED` once taken or closed; `ERR_PROCNATIVE_RUNTIME` in Bun and Deno
   */
  adopt(): net.Server | net.Socket | dgram.Socket | tty.ReadStream | tty.WriteStream
  /**
   * Gives the descriptor away: the caller owns it from here on.
   *
   * @throws `ERR_PROCNATIVE_HANDLE_CLOSED` once taken or closed
   */
  take(): number
  /**
   * close(2), at once: a socket's SO_LINGER, by which its sender could have it wait, is turned off. Does nothing once taken
   * or closed.
   */
  close(): void
  [Symbol.dispose](): void
}

export interface ChannelOptions {
  /**
   * What messages are: 'json' (default), what JSON has; 'advanced', what `v8.serialize()` has, for peers that one trusts and
   * that run the same runtime; 'raw', a `Uint8Array` sent and a `Buffer` received. Both ends need the same. The objects
   * of an 'advanced' message belong to the program's realm, as with `v8.deserialize()`: in a test file of jest, a Map is not
   * an instance of that file's `Map`.
   */
  serialization?: 'json' | 'advanced' | 'raw'
  /**
   * The maximum length of a received message, in bytes. Default 16 MiB. With 'json', a message must also fit into the longest
   * string of the runtime: 536,870,888 UTF-16 units in Node.js.
   */
  maxMessageLength?: number
  /** How many handles may come with a message. Default 1024. */
  maxHandles?: number
}

/** Who is at the other end, as the kernel says (SO_PEERCRED): as it was when that connected or began to listen. */
export interface PeerCredentials {
  /** 0 for one outside of this pid namespace. */
  pid: number
  /**
   * The number in this user namespace. A user without a number here, such as one of a container with user namespaces, has
   * 65534 (/proc/sys/kernel/overflowuid). So 65534 doesn't identify a user, unless such users can't reach the socket.
   */
  uid: number
  /** The number in this user namespace, or /proc/sys/kernel/overflowgid. */
  gid: number
}

/**
 * Messages, and any descriptors with them, over a Unix stream socket, to any process: docs/wire-format.md has the bytes.
 *
 * It is an `EventEmitter`:
 *
 * - 'message' (message, handles): the handles are yours to adopt, take or close
 * - 'error' (error): then comes 'close'. What the peer does wrong has a code of its own (docs/errors.md) and costs this
 *   channel only: if nothing listens for 'error' and nothing iterates, it is a warning with that code
 * - 'close' (): the peer has closed its end, or this one was
 *
 * Listeners run in the asynchronous context (`AsyncLocalStorage`) that the channel was made in, as with `net.Socket`.
 * `async_hooks` sees the channel as a resource of the type 'PROCNATIVECHANNEL'.
 *
 * The channel is read only while something listens for 'message' or iterates. It keeps the event loop alive while it is read,
 * unless {@link unref} was called, and while queued messages are not sent. `process.exit()` waits for neither: it sends as much
 * as the socket has room for, and the rest is lost. Await {@link send} before you call it.
 */
export class Channel extends EventEmitter {
  private constructor()
  /** Null on a socket pair, where the kernel would name who has made it. */
  readonly peer: PeerCredentials | null
  readonly closed: boolean
  /**
   * Sends a message, and handles with it. At once if nothing is on its way; what else is sent in the same turn goes
   * together. Resolves when the kernel has it all: to await that is the backpressure. Order is kept.
   *
   * The handles stay yours, and may be closed right away: what can't be sent at once is duplicated. A connection is
   * yours to `destroy()` in the same turn, before data for its new owner is read here; `end()` would end it for both.
   *
   * While more descriptors are in flight than RLIMIT_NOFILE allows to an unprivileged user, it waits until the peer has
   * received some; `ETOOMANYREFS` is for those of others.
   *
   * @throws (rejects) `ERR_INVALID_ARG_TYPE` for what can't be sent; `ERR_INVALID_ARG_VALUE` for a server that does not listen,
   * and a socket that has read something which nobody has taken, or has something left to write, or is TLS;
   * `ERR_PROCNATIVE_UNIX_SERVER` for a Unix server that would remove its file
   * @throws (rejects) `EBADF`, `EMFILE`, `ENOMEM`, `ETOOMANYREFS`, `EPERM`, `EINVAL`: this message was not sent, but the channel goes on;
   * unless some of more than 253 handles were on their way before the kernel refused the others, which costs the channel
   * @throws (rejects) `EPIPE` if the peer is gone; `ERR_PROCNATIVE_CHANNEL_CLOSED` if the channel is closed. If you drop the
   * promise, neither is an unhandled rejection, and nor is any other error once the peer has ended the channel. After
   * {@link close} or {@link destroy} of this end, each is one
   * @see sendmsg(2), unix(7)
   */
  send(message: unknown, handles?: Sendable | readonly Sendable[]): Promise<void>
  on<E extends keyof ChannelEvents>(event: E, listener: (...args: ChannelEvents[E]) => void): this
  once<E extends keyof ChannelEvents>(event: E, listener: (...args: ChannelEvents[E]) => void): this
  addListener<E extends keyof ChannelEvents>(event: E, listener: (...args: ChannelEvents[E]) => void): this
  prependListener<E extends keyof ChannelEvents>(event: E, listener: (...args: ChannelEvents[E]) => void): this
  prependOnceListener<E extends keyof ChannelEvents>(event: E, listener: (...args: ChannelEvents[E]) => void): this
  /**
   * Messages until the channel is closed; throws what 'error' would tell, also when the loop is left, if it has come by then.
   * To leave the loop stops the reading, and leaves the channel open.
   */
  [Symbol.asyncIterator](): AsyncIterator<{ message: any; handles: Handle[] }>
  /** Stops the reading: the peer's `send()` soon waits. What was read already is kept. */
  pause(): this
  /** Undoes {@link pause}. */
  resume(): this
  /** Undoes {@link unref}. */
  ref(): this
  /** Lets the process exit while the channel is read, or waits for its peer to close, but not before queued messages are sent. */
  unref(): this
  /**
   * Sends what is queued, shuts down the sending half, reads to the end, and closes. Resolves then; which is when the
   * peer, too, has closed its end, as a `Channel` does of itself. Messages that come meanwhile are dropped, and their
   * handles closed, unless somebody listens or iterates, who is waited for: leave a loop over the channel before you await
   * this, and {@link resume} one that is paused.
   */
  close(): Promise<void>
  /**
   * Closes now. Queued messages are rejected with `error`, or with `ERR_PROCNATIVE_CHANNEL_CLOSED`, which is no unhandled
   * rejection. An `error` is also thrown in loops over the channel, or else emitted as 'error', which ends a process
   * without a listener.
   */
  destroy(error?: Error): void
  /** The same as {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** The events of a {@link Channel}, with the arguments of their listeners. */
export interface ChannelEvents {
  message: [message: any, handles: Handle[]]
  error: [error: Error]
  close: []
}

/**
 * The channel of a connected Unix stream socket: one for each, however often it is asked for. It owns the descriptor
 * from here on, and makes it close-on-exec; of a `net.Socket` it takes a duplicate, and destroys the socket.
 *
 * Don't close the descriptor by its number. If another file gets the number, the channel takes that file for its socket, and
 * closes it in the end. Until then, `channel()` returns the old channel for that number.
 *
 * @throws `ERR_INVALID_ARG_VALUE` for other kinds of descriptors, and for a socket that has read or left something to write
 * @throws `ENOTCONN` for a socket that was never connected; `EBADF`, `EMFILE`
 */
export function channel(socket: number | net.Socket | { readonly fd: number }, options?: ChannelOptions): Channel

/**
 * {@link Channel.send}, on whatever leads to a process: a channel, a child of {@link fork}, or a socket as for {@link channel}.
 */
export function sendHandle(
  to: Channel | ChildProcessWithHandles | net.Socket | number,
  message: unknown,
  handles?: Sendable | readonly Sendable[],
): Promise<void>

/** A child of {@link fork}. */
export interface ChildProcessWithHandles extends ChildProcess {
  readonly handles: Channel
}

/**
 * `child_process.fork()`, with a channel beside Node's own: `child.handles` here, {@link parentChannel} there. The child's
 * end is an additional descriptor after those of `stdio`, and the variable `PROCNATIVE_CHANNEL_FD` says which; the
 * options of the channel hold at both ends. Of child_process's own options, `fork()` knows those of Node.js 26. The option
 * `serialization` is for `child.send()`, and `channel: { serialization }` is for `child.handles`.
 *
 * `args` may be left out, or be null.
 *
 * @throws `ERR_PROCNATIVE_RUNTIME` in Deno, whose children get no further descriptors
 */
export function fork(
  modulePath: string | URL,
  args?: readonly (string | number)[] | null,
  options?: ForkOptions & { channel?: ChannelOptions },
): ChildProcessWithHandles
export function fork(
  modulePath: string | URL,
  options?: ForkOptions & { channel?: ChannelOptions },
): ChildProcessWithHandles

/**
 * The channel to the process that has started this one by {@link fork}, or null. Any other program can be handed one as well:
 * docs/wire-format.md says how. Null in a worker thread, because the channel belongs to the main thread. If the package is
 * installed twice, or loaded again, all copies return the same object.
 */
export function parentChannel(): Channel | null

export interface ConnectChannelOptions extends ChannelOptions {
  /** Gives up a waiting connection: the promise is rejected with `signal.reason`. */
  signal?: AbortSignal
}

/**
 * Connects to {@link listenChannel}. If the server's queue of waiting connections (its backlog) is full, this one waits until
 * there is room or `signal` aborts. It takes no thread. It tries again every 1 to 64 ms, because the kernel sends no event
 * when there is room. Connections to one address are made in the order of their calls. Each try resolves a relative path anew:
 * use an absolute path if the process may call `process.chdir()` meanwhile.
 *
 * @param path a path, or an abstract name after a NUL or an @
 * @throws (rejects) `ENOENT`, `ECONNREFUSED`, `EACCES`, `EPROTOTYPE`
 * @see connect(2), unix(7)
 */
export function connectChannel(path: string, options?: ConnectChannelOptions): Promise<Channel>

export interface ListenChannelOptions extends ChannelOptions {
  /** The mode of the socket's file, as for {@link listenUnix}. Default 0o600. */
  mode?: number
  /**
   * Whether a peer is let in: asked before anything of it is read. Only `true` lets it in. Default: its user is ours
   * (the effective one), or root.
   */
  authorize?: (peer: PeerCredentials) => boolean
}

/**
 * Listens for {@link connectChannel}: each connection is a channel. The socket is made as by {@link listenUnix}.
 *
 * @param listener of 'connection'
 * @throws (rejects) `EADDRINUSE` and others of {@link listenUnix}
 */
export function listenChannel(
  path: string,
  options?: ListenChannelOptions,
  listener?: (channel: Channel) => void,
): Promise<ChannelServer>
export function listenChannel(path: string, listener?: (channel: Channel) => void): Promise<ChannelServer>

/**
 * An `EventEmitter`: 'connection' (channel); 'close' (); 'error' (error) for a connection that can't be accepted (`EMFILE`),
 * which waits and is tried again, or an `authorize` that throws or returns no boolean: it goes on either way, and
 * warns where nobody listens for 'error'. Keeps the event loop alive until it is closed.
 *
 * The listeners, `authorize` and the listeners of the channels run in the asynchronous context of the {@link listenChannel} call.
 * `async_hooks` sees the server as a resource of the type 'PROCNATIVECHANNELSERVER'.
 */
export class ChannelServer extends EventEmitter {
  private constructor()
  readonly path: string
  on<E extends keyof ChannelServerEvents>(event: E, listener: (...args: ChannelServerEvents[E]) => void): this
  once<E extends keyof ChannelServerEvents>(event: E, listener: (...args: ChannelServerEvents[E]) => void): this
  addListener<E extends keyof ChannelServerEvents>(event: E, listener: (...args: ChannelServerEvents[E]) => void): this
  prependListener<E extends keyof ChannelServerEvents>(
    event: E,
    listener: (...args: ChannelServerEvents[E]) => void,
  ): this
  prependOnceListener<E extends keyof ChannelServerEvents>(
    event: E,
    listener: (...args: ChannelServerEvents[E]) => void,
  ): this
  /** Stops listening. Channels go on, and the file stays, for a successor to replace. */
  close(): Promise<void>
  /** The same as {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** The events of a {@link ChannelServer}, with the arguments of their listeners. */
export interface ChannelServerEvents {
  connection: [channel: Channel]
  error: [error: Error]
  close: []
}

export interface ListenUnixOptions {
  /** The mode of the socket's file, whatever the umask; to connect takes the right to write. Default 0o600. */
  mode?: number
  /** How many connections may wait to be accepted. Default 511, as in Node.js. */
  backlog?: number
}

/**
 * A listening Unix socket. Its file has its mode from the first moment, and belongs to nobody who closes the socket:
 * `net.Server`'s own is removed when any of the processes that have it does so. A dead socket's file is replaced; one
 * that somebody listens on never is, nor a file of another kind.
 *
 * `handle.adopt()` is a `net.Server` of it; so is, in any runtime, `server.listen({ fd: handle.take() })`.
 *
 * @param path a path, or an abstract name after a NUL, as in Node.js, or an @, as in systemd, which has no mode
 * @throws `EADDRINUSE` if somebody listens there, or the file is no socket; `ENAMETOOLONG` past 107 bytes
 * @see unix(7), bind(2), listen(2)
 */
export function listenUnix(path: string, options?: ListenUnixOptions): Handle

// ── Descriptors ──────────────────────────────────────────────────────────────────────────────────────────────

/**
 * socketpair(2): two Unix sockets that are connected to each other, close-on-exec.
 *
 * @param type 'stream' (default), 'seqpacket' or 'dgram'
 * @throws `EMFILE`
 * @see socketpair(2), unix(7)
 */
export function socketpair(type?: 'stream' | 'seqpacket' | 'dgram'): [Handle, Handle]

/**
 * One sendmsg(2), with descriptors (SCM_RIGHTS), on any Unix socket that is connected; nothing is added. Never waits
 * (MSG_DONTWAIT), and raises no SIGPIPE.
 *
 * @param data on a stream at least one byte, if there are descriptors: the kernel would drop them
 * @param fds up to 253, which stay yours
 * @returns how many bytes were sent; on a stream this may be a part, and descriptors go with the first one
 * @throws `EAGAIN` if there is no room now; `EPIPE`, `EBADF`, `EMSGSIZE`, `EINVAL` (too many descriptors), `ETOOMANYREFS`, `ENOTSOCK`, …
 * @see sendmsg(2), unix(7)
 */
export function sendFds(socket: number | Handle, data: Uint8Array, fds?: readonly Sendable[]): number

export interface RecvFdsOptions {
  /** How many bytes to receive at most, at least 1. Default 65,536. */
  maxLength?: number
  /** How many descriptors to take at most; the others are closed. Default 253, which is all that there can be. */
  maxFds?: number
}

/** What {@link recvFds} has received. */
export interface Received {
  data: Buffer
  /** Yours, close-on-exec. */
  handles: Handle[]
  /**
   * Whether something was cut off: a datagram longer than `maxLength` (MSG_TRUNC), or descriptors beyond `maxFds` or
   * beyond what this process may open (MSG_CTRUNC), which are closed.
   */
  truncated: boolean
  /** Of the sender, if SO_PASSCRED is set on the socket. */
  credentials: PeerCredentials | null
}

/**
 * One recvmsg(2) on any Unix socket. Never waits (MSG_DONTWAIT).
 *
 * @returns null at the end of a stream. No bytes may be a message of a 'seqpacket' or 'dgram' socket, too
 * @throws `EAGAIN` if there is nothing now; `ECONNRESET`, `EBADF`, `ENOTSOCK`, …
 * @see recvmsg(2), unix(7)
 */
export function recvFds(socket: number | Handle, options?: RecvFdsOptions): Received | null

/**
 * dup(2), but close-on-exec: what a child is to have is said where it is started.
 *
 * @returns a new descriptor, which is yours
 * @throws `EBADF`, `EMFILE`
 * @see dup(2), F_DUPFD_CLOEXEC in fcntl(2)
 */
export function dup(fd: number): number

/**
 * dup2(2): makes `to` what `from` is, and closes what it was. Not close-on-exec.
 *
 * What stood at `to` is gone for whoever had it: of the runtime's own descriptors none should be replaced.
 *
 * @throws `EBADF` if `from` is not open, or `to` is out of range
 * @see dup2(2)
 */
export function dup2(from: number, to: number): void

/**
 * Whether exec closes a descriptor (FD_CLOEXEC).
 *
 * @throws `EBADF`
 * @see fcntl(2)
 */
export function setCloseOnExec(fd: number, enabled: boolean): void

/**
 * The descriptors that this process has open, in ascending order: those of the runtime too.
 *
 * @throws `EMFILE`, since to look takes one
 * @see proc_pid_fd(5)
 */
export function openFds(): number[]
