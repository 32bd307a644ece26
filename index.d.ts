/// <reference types="node" />
import type { ChildProcess, ForkOptions } from 'node:child_process'
import type * as dgram from 'node:dgram'
import type { EventEmitter } from 'node:events'
import type { FileHandle } from 'node:fs/promises'
import type * as net from 'node:net'
import type * as tty from 'node:tty'

/*
 * Errors. A failed system call throws an `Error` like Node's own: `code: 'EPERM'`, `errno: -1`, `syscall: 'setsid'`,
 * and `path` if the call takes a path. A wrong argument throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` or
 * `ERR_OUT_OF_RANGE`, and the call changes nothing. Conditions of procnative have codes that start with
 * `ERR_PROCNATIVE_` (docs/errors.md). Match on `code`, because messages may change.
 *
 * Ownership. Passing a descriptor never transfers it, unless the function says so. "Yours" is a descriptor that the
 * caller must close.
 *
 * Platform. Linux 5.9 or newer. Everything works in Node.js 20 or newer. In Bun and Deno, everything works except where
 * a comment says otherwise.
 */

/**
 * The name of a signal, signal(7). Node.js has no names for the real-time signals 34 to 64. procnative calls them
 * SIGRTMIN and SIGRTMIN+1 to SIGRTMIN+30.
 */
export type Signal = NodeJS.Signals | RealTimeSignal

/** The name of a real-time signal, from number 34 (SIGRTMIN) to number 64 (SIGRTMIN+30). */
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

/** The error of a failed system call. */
export interface SystemError extends Error {
  /** The name of the error in errno(3): 'EPERM', 'ENOENT', … */
  code: string
  /** The negative number of the error in errno(3), as in Node.js. */
  errno: number
  /** The system call that failed, such as 'setsid'. */
  syscall: string
  /** The path that the system call was given, if any. */
  path?: string
}

/** A condition of procnative. `code` determines the other properties. */
export type ProcnativeError =
  | AlreadyRunningError
  | DaemonExitedError
  | DaemonTimeoutError
  | StopTimeoutError
  | ChildOwnedError
  | PlainError

/** Another daemon holds the pid file. */
export interface AlreadyRunningError extends Error {
  code: 'ERR_PROCNATIVE_ALREADY_RUNNING'
  /** The pid of the daemon that holds the pid file, or null if unknown. */
  pid: number | null
}

/** The daemon ended before it was ready. */
export interface DaemonExitedError extends Error {
  code: 'ERR_PROCNATIVE_DAEMON_EXITED'
  /** The exit code, or null if a signal killed the daemon or the end is unknown. */
  exitCode: number | null
  /** The signal that killed the daemon, or null. */
  signal: Signal | null
  /** The last 64 KiB that the daemon wrote to standard error, or an empty string. */
  stderr: string
  /** The last error that reached the top of the program after the daemon's own call of {@link daemonize}. */
  cause?: Error
}

/** The daemon was not ready in time. */
export interface DaemonTimeoutError extends Error {
  code: 'ERR_PROCNATIVE_DAEMON_TIMEOUT'
  /** The time limit, in ms. */
  timeout: number
  /** The last 64 KiB that the daemon wrote to standard error, or an empty string. */
  stderr: string
  /** As in {@link DaemonExitedError}. */
  cause?: Error
}

/** The daemon did not end in time. */
export interface StopTimeoutError extends Error {
  code: 'ERR_PROCNATIVE_STOP_TIMEOUT'
  /** The pid of the daemon. */
  pid: number
  /** The time limit, in ms. */
  timeout: number
}

/** The child may belong to child_process. */
export interface ChildOwnedError extends Error {
  code: 'ERR_PROCNATIVE_CHILD_OWNED'
  /** The pid of the child. If the call matches several children: the `pid` argument of the call. */
  pid: number
}

/** A condition with no property but `code` and, for some codes, `cause`. */
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
 * Makes the caller the leader of a new session and of a new process group, setsid(2). The session has no controlling
 * terminal. The hangup of the old terminal does not reach the caller, and neither does the end of the shell.
 *
 * To become a daemon, call {@link daemonize} instead. An interactive shell makes each program the leader of a process
 * group, and setsid(2) fails for a leader.
 *
 * @returns the session id, equal to the process group id and the pid
 * @throws `EPERM` if the caller leads its process group
 * @throws `ERR_PROCNATIVE_WORKER_THREAD` in a worker thread
 * @see setsid(2)
 */
export function setsid(): number

/**
 * Returns the session id of a process, getsid(2).
 *
 * @param pid the process. Default 0: this process
 * @throws `ESRCH` if the process does not exist
 * @see getsid(2)
 */
export function getsid(pid?: number): number

/**
 * Returns the process group id of a process, getpgid(2).
 *
 * @param pid the process. Default 0: this process
 * @throws `ESRCH` if the process does not exist
 * @see getpgid(2)
 */
export function getpgid(pid?: number): number

/**
 * Moves this process or a child into a process group of the same session, setpgid(2).
 *
 * @param pid the process; 0 is this process
 * @param pgid the process group; 0 creates a group with the id `pid`
 * @throws `EACCES` if the child has already called exec
 * @throws `EPERM` if the process leads a session, or the session has no such group
 * @throws `ESRCH` if `pid` is neither this process nor a child
 * @throws `ERR_PROCNATIVE_WORKER_THREAD` for this process in a worker thread
 * @see setpgid(2)
 */
export function setpgid(pid: number, pgid: number): void

/**
 * Returns the foreground process group of a terminal, tcgetpgrp(3). Ctrl-C and Ctrl-Z signal this group.
 *
 * @param fd a descriptor of the caller's controlling terminal; stays yours
 * @throws `ENOTTY` if `fd` is not a terminal, or not the controlling terminal
 * @throws `EBADF` if `fd` is not open
 * @see tcgetpgrp(3)
 */
export function tcgetpgrp(fd: number): number

/**
 * Makes a process group the foreground group of a terminal, tcsetpgrp(3). Blocks SIGTTOU during the call, because the
 * kernel would otherwise stop a caller in the background.
 *
 * @param fd a descriptor of the caller's controlling terminal; stays yours
 * @param pgid a process group of the caller's session
 * @throws `ENOTTY` if `fd` is not a terminal, or not the controlling terminal
 * @throws `EPERM` if the group belongs to another session
 * @throws `ESRCH` if the group does not exist
 * @throws `EBADF` if `fd` is not open
 * @see tcsetpgrp(3)
 */
export function tcsetpgrp(fd: number, pgid: number): void

/**
 * Returns the id of the session that a terminal controls, tcgetsid(3).
 *
 * @param fd a descriptor of the caller's controlling terminal; stays yours
 * @throws `ENOTTY` if `fd` is not a terminal, or not the controlling terminal
 * @throws `EBADF` if `fd` is not open
 * @see tcgetsid(3)
 */
export function tcgetsid(fd: number): number

/**
 * Returns the path of the controlling terminal, such as '/dev/pts/3', or null without one. The path comes from tty_nr
 * in /proc/self/stat. Returns '/dev/tty' if this mount namespace has no path for the terminal. /dev/tty always opens
 * the controlling terminal, tty(4).
 *
 * @throws the system error of `open` if /proc/self/stat can't be opened, such as `EMFILE`
 * @see proc_pid_stat(5)
 */
export function controllingTerminal(): string | null

/**
 * Makes this process a subreaper, or an ordinary process again: prctl(PR_SET_CHILD_SUBREAPER). Orphans among the
 * descendants of a subreaper become children of the subreaper instead of init. {@link reapOrphans} reaps them.
 *
 * @throws `ERR_PROCNATIVE_WORKER_THREAD` in a worker thread
 * @see PR_SET_CHILD_SUBREAPER(2const), Linux 3.4
 */
export function setChildSubreaper(enabled: boolean): void

/**
 * Returns true if this process is a subreaper, prctl(PR_GET_CHILD_SUBREAPER).
 *
 * @see PR_GET_CHILD_SUBREAPER(2const), Linux 3.4
 */
export function isChildSubreaper(): boolean

/**
 * Sets the signal that this process gets when its parent dies, prctl(PR_SET_PDEATHSIG). If the parent dies during the
 * call, procnative sends the signal itself. The signal may then come twice, because the kernel may also send it.
 *
 * In Linux, the parent is the thread that started this process. Children don't inherit the setting. The kernel clears
 * the setting at the exec of a set-user-ID program.
 *
 * @param signal the signal, or null for none
 * @throws `ERR_PROCNATIVE_WORKER_THREAD` in a worker thread, because the setting belongs to a single thread
 * @see PR_SET_PDEATHSIG(2const)
 */
export function setParentDeathSignal(signal: Signal | null): void

// ── Daemons ──────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * The destination of a daemon's output:
 *
 * - 'ignore': /dev/null
 * - 'inherit': the launcher's own descriptor of the same number
 * - a number: a descriptor of the launcher; stays the launcher's
 * - any other string: the path of a file to append to
 *
 * The launcher opens the file. A new file gets its mode by the daemon's umask, and belongs to the daemon's `user` and
 * `group`. The file stays the launcher's if the launcher lacks the right to change the owner (CAP_CHOWN).
 */
export type Output = 'ignore' | 'inherit' | string | number

/** The options of {@link daemonize}. */
export interface DaemonizeOptions {
  /** The daemon's working directory: a path or a file: URL. `daemonize()` enters it in the daemon. Default '/'. */
  cwd?: string | URL
  /** The daemon's file mode creation mask, umask(2). Default 0o022. */
  umask?: number
  /**
   * The destination of standard output. Default 'ignore'. Give a long-running daemon a log file. With 'ignore', the
   * report of an uncaught error after readiness is lost.
   */
  stdout?: Output
  /**
   * The destination of standard error. Default: the value of `stdout`.
   *
   * With 'ignore', procnative keeps the output in memory until the daemon is ready. The error of a failed start has
   * this output. A child that the daemon starts before readiness inherits this memory as standard error, and keeps
   * writing to it. Give such a child its own standard error. Under a limit RLIMIT_FSIZE, standard error is /dev/null
   * from the start, because the limit applies to this memory.
   */
  stderr?: Output
  /**
   * The path of a file that holds the daemon's pid. The daemon keeps the file locked until it ends. Default: none.
   *
   * `daemonize()` throws `ERR_PROCNATIVE_ALREADY_RUNNING` while another daemon has the lock. Only the lock counts. A
   * file that a crash or SIGKILL left behind does not prevent a start, whatever the file contains.
   *
   * The file has mode 0600, because any user with the right to read the file could lock it and prevent a start. The
   * path must not be a symbolic link. The file belongs to the user who starts the daemon, even if the daemon becomes
   * another user.
   *
   * The daemon removes the file at an exit that emits 'exit', after the last 'exit' listener: `process.exit()`, an
   * empty event loop or an uncaught error. The daemon empties the file if its user lacks the right to remove it. The
   * file stays if a signal without a listener kills the daemon.
   *
   * `process.execve()` closes the file and drops the lock. The new program does not hold the lock, and no 'exit'
   * listener runs. Start a successor by {@link spawnDaemon} instead, which passes the lock on. Or call
   * `daemonize({ foreground: true, pidFile })` in the new program. Another daemon may take the lock in between.
   */
  pidFile?: string
  /**
   * The user to run as: a name or a number. The supplementary groups come from the group database. The daemon can't
   * become root again: the start fails with `EPERM` if a capability would allow that. Default: the launcher's user.
   */
  user?: string | number
  /** The group to run as: a name or a number. Default: the primary group of `user`. */
  group?: string | number
  /**
   * Descriptors that the daemon inherits, in this order, as `daemon.kept`. The daemon's other descriptors are closed.
   * The launcher's own stay yours. Default: none.
   */
  keep?: readonly Sendable[]
  /**
   * The moment of readiness, when the launcher ends. Default 'auto'.
   *
   * - 'auto': the main script has ended, including the top-level awaits of a main module, and one turn of the event
   *   loop has passed without an uncaught error
   * - 'manual': the daemon has called `daemon.ready()`
   *
   * Use 'manual' for a step that can fail later, such as listening on a host name or connecting to a database. Also use
   * 'manual' for a main module whose top-level await lasts as long as the program.
   *
   * 'auto' waits for the awaits of the main module only if the main module itself is running when `daemonize()` is
   * called. It does not wait for them if a preload or an import of the main module calls. It does not wait for awaits
   * in --eval code, or in a main module found through --preserve-symlinks-main.
   */
  ready?: 'auto' | 'manual'
  /**
   * The time limit for readiness, in ms. procnative kills a daemon that is not ready by then. Default 30,000. There is
   * no limit while the daemon waits for a debugger (--inspect-brk, --inspect-wait).
   */
  readyTimeout?: number
  /**
   * Stays in this process: no fork, no session, no redirection. All other options apply. For PID 1 of a container, and
   * under systemd. Default false.
   *
   * Also for PM2, nodemon and `node --watch`. These tools restart a program when it ends or when a file changes, and
   * they end only the process that they started. A launcher ends as soon as its daemon is ready. Decide by an argument:
   * `foreground: process.argv.includes('--foreground')`, with `node --watch server.js --foreground`.
   */
  foreground?: boolean
}

/** The daemon, as {@link daemonize} returns it. */
export interface Daemon {
  /** The pid of the daemon, equal to `process.pid`. The launcher and the service manager know this pid. */
  readonly pid: number
  /** The session id. The session leader has ended, so this is never the pid, except in the foreground. */
  readonly sid: number
  /** The absolute path of the pid file, or null. */
  readonly pidFile: string | null
  /** True if the daemon is this same process, with no fork. */
  readonly foreground: boolean
  /** The descriptors of `keep`, in the same order. Each `Handle` owns its descriptor. */
  readonly kept: readonly Handle[]
  /**
   * Ends the launcher with exit code 0. In the foreground, reports to the service manager instead, sd_notify(3). Later
   * calls do nothing. The daemon ends if the launcher died without this report. `ready` is bound, so it can be passed
   * as a callback.
   *
   * Another process may report for the daemon: a launcher with NOTIFY_SOCKET, or a predecessor under a service manager.
   * `ready()` then waits until the manager knows the new main process, because systemd ignores a {@link notify} of any
   * other process. The wait usually takes some ms, and at most ten seconds.
   */
  ready(): void
  /**
   * Reopens the files of `stdout` and `stderr` after a log rotation, and puts them in the place of the renamed files.
   * Output goes to the new files from then on, and no line is lost. Does nothing in the foreground, because the service
   * manager owns the output there. `reopenLogs` is bound: `process.on('SIGHUP', daemon.reopenLogs)`.
   *
   * The daemon's user must have the right to open or create the files. If a file can't be opened, the daemon keeps
   * writing to all old files, and writes a line with the reason to each. Nothing is thrown, because an error would end
   * the daemon.
   *
   * @returns null, or the system error of the file that can't be opened
   * @see open(2), dup2(2)
   */
  reopenLogs(): NodeJS.ErrnoException | null
}

/**
 * Makes this program a daemon. Forks twice and runs the program again, with the same arguments and options, in a new
 * session that the daemon does not lead. So the daemon can never acquire a controlling terminal.
 *
 * Returns in the daemon only. The calling process is the launcher. The launcher waits until the daemon is ready, and
 * then ends with exit code 0 without 'exit' listeners. If the start fails, `daemonize()` throws in the launcher.
 *
 * The daemon has the cwd, umask and user of the launcher's options. The options of the same call in the daemon have no
 * effect. Standard input is /dev/null. The open descriptors are 0, 1, 2, the pid file and those of `keep`. No signal is
 * blocked or ignored. The launcher reports MAINPID and READY to a NOTIFY_SOCKET of systemd. The daemon inherits the
 * sockets that systemd gave the launcher (LISTEN_FDS).
 *
 * Arguments and variables that are not valid UTF-8 keep their bytes. procnative reads the bytes of the arguments from
 * /proc/self/cmdline when it is loaded. Don't set `process.title` before.
 *
 * SIGINT, SIGTERM, SIGHUP and SIGQUIT have their default action while the launcher waits. If the launcher dies, a
 * daemon that is not ready dies too. If the start fails, procnative also kills all processes in the daemon's process
 * group.
 *
 * @throws `ERR_PROCNATIVE_DAEMON_EXITED` if the daemon ended before it was ready, with `exitCode` or `signal`. `stderr`
 * is the last 64 KiB of standard error if that is a regular file or 'ignore', else an empty string. `cause` is the last
 * error that reached the top of the program after the daemon's own call. It usually is the error that ended the daemon
 * @throws `ERR_PROCNATIVE_DAEMON_TIMEOUT` if the daemon was not ready in time. The daemon and its process group were
 * killed
 * @throws `ERR_PROCNATIVE_ALREADY_RUNNING` if another daemon holds the pid file, with its `pid`
 * @throws the system error of a step that failed: `open` of a log, `chdir`, `setgroups`, `setuid`, `execve`, …
 * @throws `EBADF` or `ERR_PROCNATIVE_HANDLE_CLOSED` if `keep`, `stdout` or `stderr` has a closed descriptor
 * @throws `ERR_UNKNOWN_CREDENTIAL` if the user or group does not exist
 * @throws `ERR_PROCNATIVE_ALREADY_DAEMONIZED` at a second call in the daemon
 * @throws `ERR_PROCNATIVE_LINK_LOST` in a daemon that has closed its inherited descriptors
 * @throws `ERR_PROCNATIVE_INIT_PROCESS` in PID 1, unless `foreground`
 * @throws `ERR_PROCNATIVE_TEST_RUNNER` in a process that runs tests, unless `foreground`, because the launcher's exit
 * code 0 would hide failures
 * @throws `ERR_PROCNATIVE_STDIN_SCRIPT`, `ERR_PROCNATIVE_REPL`, `ERR_PROCNATIVE_WORKER_THREAD`,
 * `ERR_PROCNATIVE_CLUSTER_WORKER` or `ERR_PROCNATIVE_RUNTIME` (Bun, Deno) if the program can't run again
 * @see daemon(7), daemon(3), setsid(2), sd_notify(3)
 * @example
 * ```js
 * import http from 'node:http'
 * import { daemonize } from 'procnative'
 *
 * daemonize({ pidFile: '/run/app.pid', stdout: '/var/log/app.log' })
 * // From here on, only the daemon runs.
 * http.createServer((request, response) => response.end('hello\n')).listen(8080)
 * ```
 */
export function daemonize(options?: DaemonizeOptions): Daemon

/** The options of {@link spawnDaemon}. */
export interface SpawnDaemonOptions
  extends Omit<
    SpawnOptions,
    'cwd' | 'umask' | 'stdio' | 'session' | 'processGroup' | 'controllingTerminal' | 'foreground' | 'parentDeathSignal'
  > {
  /**
   * The daemon's working directory: a path or a file: URL. Default '/'. A `file` with a slash and paths in `args` are
   * relative to this directory.
   */
  cwd?: string | URL
  /** The daemon's file mode creation mask, umask(2). Default 0o022. */
  umask?: number
  /**
   * The daemon's descriptors, each at its index. Default 'ignore'. A missing entry, null or undefined is 'ignore', and
   * there are always at least three entries. 'inherit' is the caller's descriptor of the same number. A path is opened
   * for appending, as in {@link Output}. Index 0 must not be a path, because the daemon reads from it.
   */
  stdio?: 'ignore' | 'inherit' | ReadonlyArray<Output | null | undefined>
  /**
   * The path of a pid file, as in {@link DaemonizeOptions.pidFile}. Only a daemon that uses procnative removes the
   * file.
   *
   * If the caller holds this pid file, the daemon becomes the caller's successor:
   *
   * 1. The daemon inherits the lock, so the lock is never free.
   * 2. When the daemon is ready, the file gets the daemon's pid, and systemd gets its MAINPID.
   * 3. If the start fails, nothing has changed.
   *
   * There can be one successor at a time. The successor takes the file over by `daemonize({ pidFile })`, with or
   * without `foreground: true`.
   */
  pidFile?: string
  /**
   * The moment when the promise resolves. Default 'exec'.
   *
   * - 'exec': execve(2) has succeeded, so the program has begun
   * - 'notify': the daemon has sent READY=1 to its NOTIFY_SOCKET, as a systemd service does, sd_notify(3)
   *
   * With 'notify', procnative accepts READY=1 only from the daemon's own process. Until then, the variable
   * `PROCNATIVE_NOTIFY_SOCKET` has the caller's own NOTIFY_SOCKET. {@link notify} restores it.
   */
  ready?: 'exec' | 'notify'
  /**
   * With 'notify': the time limit for readiness, in ms. procnative kills a daemon that is not ready by then. Default
   * 30,000.
   */
  readyTimeout?: number
  /**
   * Descriptors that the daemon inherits as 3, 4, … in this order, usually listening sockets: LISTEN_FDS,
   * sd_listen_fds(3). The keys of an object become LISTEN_FDNAMES. The daemon takes the descriptors by
   * {@link listenFds}. The caller's own stay yours, and can be closed as soon as `spawnDaemon()` has returned. Default:
   * none.
   */
  listen?: readonly Sendable[] | Record<string, Sendable>
}

/**
 * Starts any program as a daemon, and lets the caller go on. Forks twice, as {@link daemonize} does, and runs the
 * program in a new session that the daemon does not lead. The caller keeps no zombie and no descriptor of the daemon.
 *
 * The call takes a fraction of a millisecond, whatever the size of this process. It opens and locks the files. A thread
 * does the rest.
 *
 * The daemon has the descriptors 0, 1, 2, those of `stdio` and `listen`, and the lock of the pid file. Children of the
 * daemon inherit the lock, unless the program prevents that, as Node.js does.
 *
 * If the caller is PID 1 or a subreaper, the daemon becomes its child, and the caller must reap it
 * ({@link reapOrphans}). If the caller ends while the promise is pending, the daemon goes on without `readyTimeout`.
 *
 * @param file the program. A name without a slash is looked for in `PATH`, as in execvp(3)
 * @param args the arguments. May be absent or null
 * @returns the pid of the daemon. With 'notify': the MAINPID that the daemon has sent, if any
 * @throws (rejects) the system error of a step that failed: `execve`, `chdir`, `open` of a log, `setuid`, …
 * @throws (rejects) `ERR_PROCNATIVE_ALREADY_RUNNING` if another daemon holds the pid file, with its `pid`
 * @throws (rejects) `ERR_PROCNATIVE_DAEMON_EXITED` if the daemon ended before it was ready, with `exitCode` or
 * `signal`. Both are null if the kernel does not tell. `stderr` is the last 64 KiB of standard error if that is a file
 * @throws (rejects) `ERR_PROCNATIVE_DAEMON_TIMEOUT` if the daemon was not ready in time. The daemon and its process
 * group were killed
 * @throws (rejects) `ERR_UNKNOWN_CREDENTIAL` if the user or group does not exist
 * @throws (rejects) `ERR_PROCNATIVE_UNIX_SERVER` if `listen` has a Unix server that would remove its file when the
 * caller closes it: use {@link listenUnix}
 * @see daemon(7), sd_listen_fds(3), sd_notify(3)
 * @example
 * ```js
 * import { spawnDaemon } from 'procnative'
 *
 * const { pid } = await spawnDaemon('sleep', ['1'], { pidFile: '/run/sleep.pid' })
 * console.log(`daemon ${pid} runs`)
 * ```
 */
export function spawnDaemon(
  file: string | Uint8Array,
  args?: readonly BytesOrArgument[] | null,
  options?: SpawnDaemonOptions,
): Promise<{ pid: number }>
export function spawnDaemon(file: string | Uint8Array, options?: SpawnDaemonOptions): Promise<{ pid: number }>

/**
 * Returns whether the daemon of a pid file runs, that is, whether the file is locked. Takes no lock, waits for nothing
 * and changes nothing.
 *
 * `pid` is the pid in the file, if the process with this pid holds the lock. `pid` is null if no daemon runs, or if a
 * daemon is starting, or if the holder is unknown:
 *
 * - the pid comes from another pid namespace, such as a container with the file on a shared volume
 * - the caller lacks the right to look at the process, and the lock was not taken for this process
 * - the file belongs to a user other than root and the caller, and the process does not belong to that user
 *
 * A missing file is not an error: no daemon runs.
 *
 * @throws `EACCES` if the caller lacks the right to read the file, `ELOOP` if the file is a symbolic link, …
 * @see F_OFD_GETLK in fcntl_locking(2)
 * @example
 * ```js
 * import { daemonStatus } from 'procnative'
 *
 * const { running, pid } = daemonStatus('/run/app.pid')
 * console.log(running ? `running with pid ${pid}` : 'not running')
 * ```
 */
export function daemonStatus(pidFile: string): { running: boolean; pid: number | null }

/** The options of {@link stopDaemon}. */
export interface StopDaemonOptions {
  /** The signal to send. Default 'SIGTERM'. */
  signal?: Signal
  /** The time limit for the daemon's end, in ms. Default 10,000. */
  timeout?: number
  /** True to send SIGKILL after `timeout`, and to wait as long again. Default true. */
  kill?: boolean
}

/**
 * Stops the daemon of a pid file, and waits for its end. Sends the signal through a pidfd, after a check that the
 * process in the file holds the lock. So the signal never reaches another process that was given the same pid.
 *
 * The lock may outlive the daemon by some ms if another thread of the caller is starting a child at that moment.
 * {@link daemonStatus} then still says running. A start waits for the lock.
 *
 * A daemon may end while it starts a successor ({@link SpawnDaemonOptions.pidFile}). The successor then holds the lock.
 * `stopDaemon()` waits for the successor up to `timeout`, or five seconds if that is longer, and stops it likewise. It
 * does not stop a daemon that locked the file anew, such as one that a standby or a supervisor started meanwhile. It
 * also does not stop a successor whose descriptors the caller may not look at, because procnative can't tell the two
 * apart.
 *
 * @returns null if no daemon runs. Else `pid` is the first pid found, and `killed` tells whether any daemon needed
 * SIGKILL
 * @throws (rejects) `ERR_PROCNATIVE_STOP_TIMEOUT` if the daemon did not end, with `pid`
 * @throws (rejects) `ERR_PROCNATIVE_HOLDER_UNKNOWN` if the file is locked, but {@link daemonStatus} gives no pid. After
 * the end of a daemon: only if its own lock remains, held by a process that the file does not name
 * @throws (rejects) `EPERM` if the caller lacks the right to signal the daemon, and the errors of {@link daemonStatus}
 * @see pidfd_open(2), pidfd_send_signal(2), Linux 5.3
 * @example
 * ```js
 * import { stopDaemon } from 'procnative'
 *
 * const stopped = await stopDaemon('/run/app.pid', { timeout: 5000 })
 * console.log(stopped === null ? 'not running' : `stopped ${stopped.pid}`)
 * ```
 */
export function stopDaemon(
  pidFile: string,
  options?: StopDaemonOptions,
): Promise<{ pid: number; killed: boolean } | null>

// ── Processes ────────────────────────────────────────────────────────────────────────────────────────────────

/** An argument of a program: a string, or a finite number, which becomes a decimal string. */
export type Argument = string | number

/**
 * An argument of a program, or bytes that are not valid UTF-8. The bytes are copied, and must not contain a null byte.
 */
export type BytesOrArgument = Argument | Uint8Array

/** The options of {@link spawn}. */
export interface SpawnOptions {
  /** The name that the program sees as its own, argv[0]. Default: `file`. */
  argv0?: string | Uint8Array
  /**
   * The child's working directory: a path or a file: URL. Default, also for '': the caller's. A `file` with a slash and
   * paths in `args` are relative to this directory.
   */
  cwd?: string | URL
  /**
   * The child's environment. `file` is looked for in its `PATH`. Default: `process.env`.
   *
   * Variables that are not valid UTF-8 keep their bytes, by default and with `env: process.env`. In a copy such as
   * `{ ...process.env }`, an unchanged value keeps its bytes. procnative compares the value, with U+FFFD in it, with
   * the value that this process was started with. A copy lacks variables whose name is not valid UTF-8. So does
   * `process.env` in a worker thread, in Bun and in Deno.
   */
  env?: Record<string, BytesOrArgument | boolean | undefined>
  /**
   * The child's descriptors, each at its index. All other descriptors are closed in the child. Default 'pipe'. A
   * missing entry, null or undefined is 'pipe' at 0, 1 and 2, and 'ignore' above, as in child_process. Any mapping
   * works: `[0, 2, 1]` swaps output and errors.
   *
   * - 'pipe': a new pipe(7) at 0, 1 and 2; above, a pair of sockets, which works in both directions. The other end is
   *   in {@link Process.stdio}. Node.js only. To make this end the `stdio` of another child, pass it in the same turn.
   *   Node.js begins to read from it in the next turn. A pipe holds 64 KiB. A Node.js child that calls `process.exit()`
   *   loses the data beyond. Set `process.exitCode` in the child instead, or use 'socket' for large pieces.
   * - 'socket': a pair of sockets, as in child_process. Both ends work in both directions. Node.js only. The kernel
   *   counts its own overhead for each write. With the usual net.core.wmem_max of 208 KiB, a socket holds 300 KiB in
   *   pieces of 4 KiB, but 50 KiB in lines of 100 bytes. If net.core.wmem_max is 1 MiB or more, it holds five times as
   *   much. The child can't open /dev/stdin, /dev/stdout or /dev/stderr (`ENXIO`), as `echo >/dev/stderr` does in most
   *   shells.
   * - 'ignore': /dev/null
   * - 'inherit': the caller's descriptor of the same number
   * - a {@link Sendable}: its descriptor, which stays yours
   *
   * The kernel flag O_NONBLOCK is cleared for 0, 1 and 2, as in child_process. This affects every process that shares
   * the open file description.
   */
  stdio?:
    | 'pipe'
    | 'socket'
    | 'ignore'
    | 'inherit'
    | ReadonlyArray<'pipe' | 'socket' | 'ignore' | 'inherit' | Sendable | null | undefined>
  /** The child's file mode creation mask, umask(2). Default: the caller's. */
  umask?: number
  /**
   * The user to run as: a name or a number. The supplementary groups come from the group database. The child can't
   * become root again: the call fails with `EPERM` if a capability would allow that. Default: the caller's user.
   */
  user?: string | number
  /** The group to run as: a name or a number. Default: the primary group of `user`. */
  group?: string | number
  /** True to make the child the leader of a new session without a controlling terminal, setsid(2). Default false. */
  session?: boolean
  /**
   * The process group that the child joins, setpgid(2): a group of the caller's session, or 0 for a new group that the
   * child leads. Not together with `session` or `controllingTerminal`, which create a group. Default: the caller's
   * group.
   */
  processGroup?: number
  /**
   * A descriptor of a terminal, which becomes the controlling terminal of the child's new session. Implies `session`.
   * Stays yours.
   */
  controllingTerminal?: number
  /**
   * A descriptor of a terminal. The child's process group becomes its foreground group before the program runs. Stays
   * yours. With `processGroup: 0` the child is a foreground job, as in a shell: Ctrl-C and Ctrl-Z reach the child and
   * not the caller.
   */
  foreground?: number
  /**
   * The signal that the child gets when the caller dies, even by SIGKILL: prctl(PR_SET_PDEATHSIG). It may come more
   * than once. Main thread only, because in Linux the parent is the calling thread. The kernel clears the setting when
   * the child runs a set-user-ID program. Default: none.
   */
  parentDeathSignal?: Signal
}

/**
 * Runs a program as a child of this process. Returns as soon as the program has begun. The call takes the same time
 * whatever the size of this process, because clone(CLONE_VM | CLONE_VFORK) copies neither memory nor page tables.
 *
 * The child has the descriptors of `stdio` and no others. No signal is blocked or ignored in the child.
 *
 * The child's status belongs to {@link Process.wait}, {@link waitpid} or {@link wait}. A child that has ended is a
 * zombie until one of these reaps it. procnative reaps the child itself once its `Process` is closed or
 * garbage-collected, or once the worker thread that started it has ended. Keep the object for as long as you want to
 * wait for its pid.
 *
 * @param file the program. A name without a slash is looked for in `PATH`, as in execvp(3). A file that is not a
 * program (`ENOEXEC`) is an error, while execvp(3) runs a shell
 * @param args the arguments. May be absent or null. docs/guides/from-child-process.md compares them with child_process
 * @throws the system error of a step that failed, with its `syscall` and `path`: `execve` (`ENOENT`, `EACCES`,
 * `ENOEXEC`), `chdir`, `setpgid`, `ioctl` or `tcsetpgrp` of a terminal, `setgroups`, `setgid`, `setuid`, `fcntl`
 * (`EBADF`), `clone`. There is no child then
 * @throws `ERR_UNKNOWN_CREDENTIAL` if the user or group does not exist
 * @throws `ERR_PROCNATIVE_WORKER_THREAD` for `parentDeathSignal` in a worker thread
 * @throws `ERR_PROCNATIVE_RUNTIME` for 'pipe' or 'socket' in Bun or Deno, which can't make a `net.Socket` of a
 * descriptor
 * @see clone(2), execve(2), posix_spawn(3)
 * @example
 * ```js
 * import { spawn } from 'procnative'
 *
 * const child = spawn('sh', ['-c', 'exit 3'], { stdio: 'inherit' })
 * const { state, exitCode } = await child.wait()
 * console.log(state, exitCode) // 'exited', 3
 * ```
 */
export function spawn(
  file: string | Uint8Array,
  args?: readonly BytesOrArgument[] | null,
  options?: SpawnOptions,
): Process
export function spawn(file: string | Uint8Array, options?: SpawnOptions): Process

/**
 * Returns any process by its pid, as an object that holds a pidfd. A pidfd never refers to another process, even if the
 * kernel gives the pid to one. {@link Process.wait} of this object takes no status away: other code can still reap the
 * process.
 *
 * @throws `ESRCH` if the process does not exist
 * @throws `ENOENT`, or `EINVAL` in older kernels, if `pid` is the id of a thread
 * @see pidfd_open(2), Linux 5.3
 * @example
 * ```js
 * import { openProcess } from 'procnative'
 *
 * const parent = openProcess(process.ppid)
 * console.log(parent.kill(0)) // true, because the parent exists
 * parent.close()
 * ```
 */
export function openProcess(pid: number): Process

/**
 * A process from {@link spawn} or {@link openProcess}. Owns a pidfd until the process is waited for or the object is
 * closed.
 */
export class Process {
  private constructor()
  /** The pid. */
  readonly pid: number
  /**
   * The caller's ends of each 'pipe' or 'socket' in `stdio`, each at its index, and null at the others. They are yours.
   */
  readonly stdio: ReadonlyArray<net.Socket | null>
  /**
   * Sends a signal through the pidfd. The signal never reaches another process that was given the same pid.
   *
   * @param signal a name or a number; 0 sends nothing and only checks. Default 'SIGTERM'
   * @returns true if the process exists, even as a zombie. False if the process is gone, or if a {@link wait} of this
   * object has already reported its end
   * @throws `EPERM` if the caller lacks the right to signal the process
   * @throws `ERR_PROCNATIVE_PROCESS_CLOSED` after `close()`
   * @see pidfd_send_signal(2), Linux 5.1
   */
  kill(signal?: Signal | number): boolean
  /**
   * Resolves when the process has ended, even if it ended before. May be called any number of times. Reaps a process
   * from {@link spawn}, and does not reap a process from {@link openProcess}. A pending wait keeps the event loop
   * alive, unless {@link unref} was called.
   *
   * A pipe may still hold output of the process then.
   *
   * @param options.signal stops the wait when aborted. The process goes on
   * @throws (rejects) `ERR_PROCNATIVE_PROCESS_CLOSED` after `close()`, unless the end was already known
   * @throws (rejects) the reason of `signal`
   */
  wait(options?: { signal?: AbortSignal }): Promise<WaitStatus>
  /** Undoes {@link unref}. */
  ref(): this
  /** Lets this process exit while waits are pending, like `timer.unref()`. */
  unref(): this
  /**
   * Closes the pidfd, after pending waits have resolved. A child from {@link spawn} goes on running, and procnative
   * reaps it when it ends.
   */
  close(): void
  /** Same as {@link close}, for `using`. */
  [Symbol.dispose](): void
}

/** The change in the state of a process that a wait has reported. */
export interface WaitStatus {
  pid: number
  /**
   * The state. 'unknown': the process has ended, and the kernel does not tell how. This happens for a process that is
   * no child of this one, before Linux 6.15.
   */
  state: 'exited' | 'killed' | 'stopped' | 'continued' | 'unknown'
  /** The exit code if the state is 'exited', else null. */
  exitCode: number | null
  /** The signal that killed or stopped the process, else null. */
  signal: Signal | null
  /** True if the kernel wrote a core dump. */
  coreDumped: boolean
  /**
   * The resources that the process used, including its children that it waited for. Times are in microseconds, `maxRSS`
   * is in KiB, as in `process.resourceUsage()`. Null if the process is no child of this one, or if other code reaped
   * it.
   *
   * `maxRSS` is at least the memory of this process at the time of {@link spawn}, because the child borrows this memory
   * until its program begins.
   */
  usage: { userCPUTime: number; systemCPUTime: number; maxRSS: number } | null
}

/** The options of {@link waitpid}. */
export interface WaitOptions {
  /** WNOHANG: returns null instead of waiting. Default false. */
  nohang?: boolean
  /** WUNTRACED: also reports children that a signal stopped. Default false. */
  untraced?: boolean
  /** WCONTINUED: also reports children that SIGCONT continued. Default false. */
  continued?: boolean
  /** WNOWAIT: leaves the status in the kernel, so that it can be waited for again. Default false. */
  nowait?: boolean
  /** True to take the status of a child that may belong to child_process: see {@link waitpid}. Default false. */
  force?: boolean
}

/**
 * Waits for a child and reaps it, waitpid(2). Blocks the thread and its event loop, unless `nohang`. {@link wait} does
 * not block. Signals do not interrupt the call.
 *
 * The runtime waits for the children of child_process itself. If `waitpid()` took such a status, the child's 'exit'
 * event would never come. So without `force` or `nowait`, `waitpid()` refuses:
 *
 * - a child that child_process has started in this thread since procnative was loaded there
 * - a child of another thread that {@link spawn} did not start, because its owner is unknown
 * - -1 or a group, while a child of child_process belongs to it. Otherwise it matches only children of this thread
 * - in Bun and Deno, which do not report their children: any child that {@link spawn} did not start, and always -1 and
 *   groups
 *
 * @param pid a child; -1: any child; 0: any child in the caller's process group; less than -1: any child in the group
 * `-pid`
 * @returns null with `nohang` if no status has changed
 * @throws `ECHILD` if the process is no child, or was already reaped
 * @throws `ERR_PROCNATIVE_CHILD_OWNED` if the child may belong to the runtime, with `pid`
 * @see waitpid(2), waitid(2)
 * @example
 * ```js
 * import { spawn, waitpid } from 'procnative'
 *
 * const child = spawn('sh', ['-c', 'exit 3'], { stdio: 'inherit' })
 * const { state, exitCode } = waitpid(child.pid)
 * console.log(state, exitCode) // 'exited', 3
 * ```
 */
export function waitpid(pid: number, options?: WaitOptions & { nohang?: false }): WaitStatus
export function waitpid(pid: number, options?: WaitOptions): WaitStatus | null

/**
 * Resolves when a process has ended, and reaps it if it is a child. Works for any process. Several waits for one
 * process all resolve. Each pending wait takes one descriptor and keeps the event loop alive. Node.js needs no thread
 * for waits, Bun and Deno need one for all.
 *
 * @param options.observe true to take no status away. The process stays a zombie until its owner, such as the runtime,
 * reaps it. Since Linux 6.15, the status is known even if the owner reaps first. Before, the state may be 'unknown'.
 * Default false
 * @param options.force true to take the status of a child that may belong to the runtime: see {@link waitpid}. Default
 * false
 * @param options.signal stops the wait when aborted. The process goes on
 * @throws (rejects) `ESRCH` if the process does not exist; `EMFILE` if no descriptor is free
 * @throws (rejects) `ERR_PROCNATIVE_CHILD_OWNED` as in {@link waitpid}, unless `observe`, with `pid`
 * @throws (rejects) the reason of `signal`
 * @see pidfd_open(2), waitid(2), PIDFD_GET_INFO in linux/pidfd.h
 * @example
 * ```js
 * import childProcess from 'node:child_process'
 * import { wait } from 'procnative'
 *
 * const child = childProcess.spawn('sh', ['-c', 'exit 3'])
 * child.on('exit', (code) => console.log(code)) // 3, as without wait()
 * const { pid, state } = await wait(child.pid, { observe: true })
 * console.log(pid, state)
 * ```
 */
export function wait(
  pid: number,
  options?: { observe?: boolean; force?: boolean; signal?: AbortSignal },
): Promise<WaitStatus>

/**
 * Reaps orphans: children that became children of this process when their parents died, because this process is PID 1
 * or a subreaper ({@link setChildSubreaper}). Leaves the children of child_process, of {@link spawn} and of worker
 * threads to their owners.
 *
 * SIGCHLD wakes `reapOrphans()`. It looks at each child, and reaps a child that has been an unclaimed zombie for 20 ms.
 *
 * The kernel does not mark orphans. So a child that an addon has started looks like an orphan, and so does a child of
 * another installed copy of procnative. A child that child_process started before procnative was loaded looks like one,
 * too. Call {@link protect} for such a child.
 *
 * Does not keep the event loop alive. After several calls, each listener gets each orphan.
 *
 * @param listener gets the status of each orphan that was reaped
 * @returns an object whose `stop()` ends the reaping of this call
 * @throws `ERR_PROCNATIVE_WORKER_THREAD` in a worker thread
 * @throws `ERR_PROCNATIVE_RUNTIME` in Bun and Deno, which do not report their children
 * @throws `ENOENT` if the kernel does not list children (CONFIG_PROC_CHILDREN)
 * @see proc_pid_task(5), waitid(2)
 * @example
 * ```js
 * import { reapOrphans, setChildSubreaper } from 'procnative'
 *
 * setChildSubreaper(true)
 * const reaping = reapOrphans(({ pid, exitCode, signal }) => console.log(pid, exitCode ?? signal))
 * process.once('SIGTERM', () => reaping.stop())
 * ```
 */
export function reapOrphans(listener?: (status: WaitStatus) => void): { stop(): void }

/**
 * Keeps {@link reapOrphans} from reaping a process until the process is gone. Takes one descriptor until then. A later
 * process with the same pid is not protected.
 *
 * @throws `ESRCH` if the process does not exist
 * @throws `ERR_PROCNATIVE_WORKER_THREAD` in a worker thread
 * @throws `ERR_PROCNATIVE_RUNTIME` in Bun and Deno
 * @see pidfd_open(2)
 */
export function protect(pid: number): void

// ── systemd ──────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Returns the sockets that systemd or {@link spawnDaemon} gave this process: LISTEN_FDS, from descriptor 3 on. Each
 * `Handle` owns its descriptor, which becomes close-on-exec, and has its name from LISTEN_FDNAMES.
 *
 * Removes the variables, so that only the first call returns the sockets. Returns an empty array if the variables are
 * for another process (LISTEN_PID), and leaves them alone. Returns an empty array in a worker thread, because the
 * sockets belong to the main thread.
 *
 * @throws `EBADF` if a descriptor is not open
 * @see sd_listen_fds(3)
 * @example
 * ```js
 * import { listenFds } from 'procnative'
 *
 * for (const handle of listenFds()) {
 *   const server = handle.adopt() // a net.Server that listens
 *   server.on('connection', (socket) => socket.end('hello\n'))
 * }
 * ```
 */
export function listenFds(): Handle[]

/**
 * Sends the state of this process to the service manager: 'READY=1', 'STOPPING=1', 'WATCHDOG=1', 'STATUS=…', or several
 * such lines.
 *
 * @returns true if the state was sent; false without `NOTIFY_SOCKET`, or if no process listens there
 * @throws `EAGAIN` if the manager's socket is full, or another system error of `sendmsg`
 * @see sd_notify(3)
 */
export function notify(state: string): boolean

// ── Handles ──────────────────────────────────────────────────────────────────────────────────────────────────

/** Anything with a descriptor. Passing one to procnative leaves the ownership as it is. */
export type Sendable = number | Handle | net.Server | net.Socket | dgram.Socket | FileHandle | { readonly fd: number }

/**
 * The kind of a descriptor's file, by fstat(2) and socket options. 'other': a socket of another protocol, or a file
 * without an inode of its own, such as an epoll set, a timer or a pidfd.
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
 * Owns a descriptor until the descriptor is taken, adopted or closed.
 *
 * A handle that came with a message closes its descriptor when it is garbage-collected. Node.js then emits a warning
 * with the code `PROCNATIVE_HANDLE_COLLECTED`. For handles that came together, this happens when all unclaimed ones are
 * collected. The descriptors of other handles stay open, because the program may use them by their numbers.
 *
 * Don't close a descriptor by its number while a handle owns it: call {@link Handle.take} first. If another file has
 * the number by then, neither the garbage collector nor the end of a worker thread closes that file.
 */
export class Handle {
  private constructor()
  /**
   * The descriptor. The handle still owns it.
   *
   * @throws `ERR_PROCNATIVE_HANDLE_CLOSED` if it was taken, adopted or closed
   */
  readonly fd: number
  /**
   * The kind of the descriptor's file. Each access asks the kernel.
   *
   * @throws `ERR_PROCNATIVE_HANDLE_CLOSED` if it was taken, adopted or closed
   */
  readonly kind: HandleKind
  /** The name from LISTEN_FDNAMES, or null. */
  readonly name: string | null
  /**
   * Returns the Node.js object for the descriptor. The object owns the descriptor from then on.
   *
   * - 'tcp-server', 'unix-server': a listening `net.Server`. A cluster worker does not ask its primary. Closing the
   *   server leaves the file of a Unix socket in place
   * - 'tcp-socket', 'unix-socket': a `net.Socket`
   * - 'pipe': a `net.Socket`, readable or writable like the end of the pipe
   * - 'udp': a bound `dgram.Socket`
   * - 'tty': a `tty.WriteStream` if the terminal is open only for writing, else a `tty.ReadStream`
   *
   * Node.js sets O_NONBLOCK. This affects every process that shares the open file description.
   *
   * @throws `ERR_PROCNATIVE_NOT_ADOPTABLE` (a `TypeError`) for other kinds, with advice on the use of `fd`
   * @throws `ERR_PROCNATIVE_HANDLE_CLOSED` if it was taken, adopted or closed
   * @throws `ERR_PROCNATIVE_RUNTIME` in Bun and Deno
   */
  adopt(): net.Server | net.Socket | dgram.Socket | tty.ReadStream | tty.WriteStream
  /**
   * Returns the descriptor, which is yours from then on.
   *
   * @throws `ERR_PROCNATIVE_HANDLE_CLOSED` if it was taken, adopted or closed
   */
  take(): number
  /**
   * Closes the descriptor at once, close(2). Turns SO_LINGER of a socket off, because the sender could have set it to
   * make this call wait. Does nothing if the descriptor was taken, adopted or closed.
   */
  close(): void
  /** Same as {@link close}, for `using`. */
  [Symbol.dispose](): void
}

/** The options of a {@link Channel}. */
export interface ChannelOptions {
  /**
   * The format of messages. Both ends must have the same. Default 'json'.
   *
   * - 'json': any value supported by JSON
   * - 'advanced': any value supported by `v8.serialize()`. Only for trusted peers with the same runtime. The objects
   *   belong to the program's realm, as with `v8.deserialize()`: in a test file of jest, a Map is not an instance of
   *   that file's `Map`
   * - 'raw': a `Uint8Array` to send, and a `Buffer` when received
   */
  serialization?: 'json' | 'advanced' | 'raw'
  /**
   * The maximum length of a received message, in bytes. Default 16 MiB. With 'json', a message must also fit into the
   * longest string of the runtime: 536,870,888 UTF-16 units in Node.js.
   */
  maxMessageLength?: number
  /** The maximum number of handles with a received message. Default 1024. */
  maxHandles?: number
}

/**
 * The credentials of the peer's process, from the kernel (SO_PEERCRED, or SCM_CREDENTIALS for {@link recvFds}).
 * SO_PEERCRED dates from the moment when the peer connected or began to listen.
 */
export interface PeerCredentials {
  /** The pid, or 0 for a process outside of this pid namespace. */
  pid: number
  /**
   * The user id in this user namespace. A user without an id here, such as one of a container with user namespaces, has
   * 65534 (/proc/sys/kernel/overflowuid). So 65534 does not identify a user, unless such users can't reach the socket.
   */
  uid: number
  /** The group id in this user namespace, or the number in /proc/sys/kernel/overflowgid. */
  gid: number
}

/**
 * Sends and receives messages with descriptors over a Unix stream socket, to and from any process. docs/wire-format.md
 * describes the bytes. Sending and receiving never block.
 *
 * It is an `EventEmitter`:
 *
 * - 'message' (message, handles): the handles are yours to adopt, take or close
 * - 'error' (error): 'close' follows. A fault of the peer has a code of its own (docs/errors.md), and affects only this
 *   channel. Without an 'error' listener and a loop over the channel, it becomes a warning with that code
 * - 'close' (): either end was closed
 *
 * Listeners run in the asynchronous context (`AsyncLocalStorage`) in which the channel was made, as in `net.Socket`.
 * `async_hooks` sees the channel as a resource of type 'PROCNATIVECHANNEL'.
 *
 * The channel is read only while it has a 'message' listener or a loop. It keeps the event loop alive while it is read,
 * unless {@link unref} was called, and while queued messages are not sent. `process.exit()` waits for neither: it sends
 * as much as the socket has room for, and the rest is lost. Await {@link send} before `process.exit()`.
 */
export class Channel extends EventEmitter {
  private constructor()
  /** The peer's credentials. Null for a socket pair, because the kernel would name the process that made the pair. */
  readonly peer: PeerCredentials | null
  /** True after the channel was closed or has failed. */
  readonly closed: boolean
  /**
   * Sends a message, with handles. Resolves when the kernel has the whole message. Await the promise to wait for a slow
   * peer (backpressure). Messages keep their order. The first message of a turn is sent at once if no message is
   * queued. Later messages of the turn are sent together.
   *
   * The handles stay yours, and may be closed at once, because a queued message has duplicates of them. For a
   * connection, call `destroy()` in the same turn, before this process reads data meant for the new owner. `end()`
   * would end the connection for both.
   *
   * The kernel limits an unprivileged user's descriptors in flight to RLIMIT_NOFILE. At the limit, `send()` waits until
   * the peer has received some, if descriptors of this process are in flight. Otherwise it rejects with `ETOOMANYREFS`.
   *
   * A promise may be dropped. `EPIPE` and `ERR_PROCNATIVE_CHANNEL_CLOSED` then cause no unhandled rejection, and
   * neither does any error after the peer has ended the channel. But a `send()` after {@link close} or {@link destroy}
   * of this end can cause one.
   *
   * @throws (rejects) `ERR_INVALID_ARG_TYPE` for a value or handle that can't be sent
   * @throws (rejects) `ERR_INVALID_ARG_VALUE` for a server that does not listen, and for a socket with unread or unsent
   * data in its buffer, or with TLS
   * @throws (rejects) `ERR_PROCNATIVE_UNIX_SERVER` for a Unix server that would remove its file: use {@link listenUnix}
   * @throws (rejects) `EBADF`, `EMFILE`, `ENOMEM`, `ETOOMANYREFS`, `EPERM`, `EINVAL`: the message was not sent, and the
   * channel goes on. The channel fails if the kernel refuses some of more than 253 handles after it has sent others
   * @throws (rejects) `EPIPE` if the peer is gone
   * @throws (rejects) `ERR_PROCNATIVE_CHANNEL_CLOSED` if the channel is closed
   * @see sendmsg(2), unix(7)
   */
  send(message: unknown, handles?: Sendable | readonly Sendable[]): Promise<void>
  on<E extends keyof ChannelEvents>(event: E, listener: (...args: ChannelEvents[E]) => void): this
  once<E extends keyof ChannelEvents>(event: E, listener: (...args: ChannelEvents[E]) => void): this
  addListener<E extends keyof ChannelEvents>(event: E, listener: (...args: ChannelEvents[E]) => void): this
  prependListener<E extends keyof ChannelEvents>(event: E, listener: (...args: ChannelEvents[E]) => void): this
  prependOnceListener<E extends keyof ChannelEvents>(event: E, listener: (...args: ChannelEvents[E]) => void): this
  /**
   * Iterates over the messages until the channel is closed. Throws the error that 'error' would emit. Leaving the loop
   * also throws an error that has already arrived. Leaving the loop stops the reading, and the channel stays open.
   */
  [Symbol.asyncIterator](): AsyncIterator<{ message: any; handles: Handle[] }>
  /** Stops the reading. The peer's `send()` soon waits. Messages that were already read are kept. */
  pause(): this
  /** Undoes {@link pause}. */
  resume(): this
  /** Undoes {@link unref}. */
  ref(): this
  /**
   * Lets the process exit while the channel is read or waits for its peer to close. The process still stays alive until
   * queued messages are sent.
   */
  unref(): this
  /**
   * Closes the channel: sends queued messages, shuts down the sending half, reads to the end, and closes the socket.
   * Resolves when the socket is closed. The peer must close its end first, as a `Channel` does when it reads the end.
   *
   * Messages that arrive meanwhile are dropped, and their handles are closed. With a listener or a loop they are
   * delivered, and `close()` waits for it: leave a loop before you await `close()`, and {@link resume} a paused
   * channel.
   */
  close(): Promise<void>
  /**
   * Closes the channel at once. Rejects queued messages with `error`, or with `ERR_PROCNATIVE_CHANNEL_CLOSED`, and
   * neither is an unhandled rejection. Loops over the channel also throw `error`. Without a loop, it is emitted as
   * 'error', which ends a process without a listener.
   */
  destroy(error?: Error): void
  /** Same as {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** The events of a {@link Channel}, with the arguments of their listeners. */
export interface ChannelEvents {
  message: [message: any, handles: Handle[]]
  error: [error: Error]
  close: []
}

/**
 * Returns the channel of a connected Unix stream socket. Each socket has one channel, and further calls return the
 * same. The channel owns the descriptor from then on, and makes it close-on-exec. For a `net.Socket`, the channel owns
 * a duplicate, and the socket is destroyed.
 *
 * Don't close the descriptor by its number. If another file gets the number, the channel uses and finally closes that
 * file. Until then, `channel()` returns the old channel for that number.
 *
 * @throws `ERR_INVALID_ARG_VALUE` for another kind of descriptor, and for a socket that has read data or has unsent
 * data
 * @throws `ENOTCONN` for a socket that was never connected
 * @throws `EBADF` if the socket is not open; `EMFILE` if no descriptor is free for the duplicate
 * @see unix(7)
 */
export function channel(socket: number | net.Socket | { readonly fd: number }, options?: ChannelOptions): Channel

/**
 * Sends a message with handles, like {@link Channel.send}, to a channel, a child of {@link fork}, or a socket as in
 * {@link channel}. The socket becomes a channel.
 */
export function sendHandle(
  to: Channel | ChildProcessWithHandles | net.Socket | number,
  message: unknown,
  handles?: Sendable | readonly Sendable[],
): Promise<void>

/** A child of {@link fork}. */
export interface ChildProcessWithHandles extends ChildProcess {
  /** The channel to the child. The child gets the other end by {@link parentChannel}. */
  readonly handles: Channel
}

/**
 * Calls `child_process.fork()`, and adds a channel beside Node's own: `child.handles` in the parent,
 * {@link parentChannel} in the child. The options of the channel apply at both ends.
 *
 * The child's end is one more descriptor after those of `stdio`. The variable `PROCNATIVE_CHANNEL_FD` has its number.
 * `fork()` accepts the options that child_process has in Node.js 26. The option `serialization` is for `child.send()`,
 * and `channel: { serialization }` is for `child.handles`.
 *
 * @param args the arguments. May be absent or null
 * @throws `ERR_PROCNATIVE_RUNTIME` in Deno, which gives children no additional descriptors
 * @see docs/wire-format.md
 * @example
 * ```js
 * import { fork, parentChannel } from 'procnative'
 *
 * const parent = parentChannel()
 * if (parent === null) {
 *   const child = fork(new URL(import.meta.url))
 *   await child.handles.send('hello')
 *   await child.handles.close()
 * } else {
 *   for await (const { message } of parent) console.log(message) // 'hello'
 * }
 * ```
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
 * Returns the channel to the process that started this one by {@link fork}, or null. Any other program can pass such a
 * channel, too: docs/wire-format.md. Returns null in a worker thread, because the channel belongs to the main thread.
 * All copies of procnative in a process return the same object.
 */
export function parentChannel(): Channel | null

/** The options of {@link connectChannel}. */
export interface ConnectChannelOptions extends ChannelOptions {
  /** Gives up a connection that waits. The promise rejects with `signal.reason`. */
  signal?: AbortSignal
}

/**
 * Connects to a server of {@link listenChannel}. If the server's queue of waiting connections (its backlog) is full,
 * waits until there is room or `signal` aborts. Retries every 1 to 64 ms, without a thread, because the kernel sends no
 * event when there is room. Connections to one address are made in the order of their calls.
 *
 * Each try resolves a relative path again. Use an absolute path if the process may call `process.chdir()` meanwhile.
 *
 * @param path a path, or an abstract name after a NUL or an @
 * @throws (rejects) `ENOENT` if the file does not exist, `ECONNREFUSED` if no process listens there
 * @throws (rejects) `EACCES` without the right to write to the file, `EPROTOTYPE` if the socket has another type
 * @see connect(2), unix(7)
 * @example
 * ```js
 * import { once } from 'node:events'
 * import { connectChannel, listenChannel } from 'procnative'
 *
 * const server = await listenChannel('/run/app.sock', (peer) => peer.send({ hello: 'client' }))
 *
 * const channel = await connectChannel('/run/app.sock')
 * const [message] = await once(channel, 'message')
 * console.log(message) // { hello: 'client' }
 * channel.destroy()
 * await server.close()
 * ```
 */
export function connectChannel(path: string, options?: ConnectChannelOptions): Promise<Channel>

/** The options of {@link listenChannel}. */
export interface ListenChannelOptions extends ChannelOptions {
  /** The mode of the socket's file, as in {@link listenUnix}. Default 0o600. */
  mode?: number
  /**
   * Decides whether to accept a peer, before anything of the peer is read. Only `true` accepts. Default: accepts root
   * and the effective user of this process. Accepts only root if the effective user is the overflow uid
   * ({@link PeerCredentials.uid}) in a user namespace.
   */
  authorize?: (peer: PeerCredentials) => boolean
}

/**
 * Listens for {@link connectChannel}. Each connection becomes a channel. Creates the socket as {@link listenUnix} does.
 *
 * @param listener a listener for 'connection'
 * @throws (rejects) the errors of {@link listenUnix}, such as `EADDRINUSE`
 * @see unix(7), SO_PEERCRED in unix(7)
 * @example
 * ```js
 * import { listenChannel } from 'procnative'
 *
 * const authorize = ({ uid }) => uid === process.getuid()
 * const server = await listenChannel('/run/app.sock', { authorize }, (channel) => {
 *   channel.on('message', (message, handles) => {
 *     for (const handle of handles) handle.close()
 *     channel.send({ received: message })
 *   })
 * })
 * process.once('SIGTERM', () => server.close())
 * ```
 */
export function listenChannel(
  path: string,
  options?: ListenChannelOptions,
  listener?: (channel: Channel) => void,
): Promise<ChannelServer>
export function listenChannel(path: string, listener?: (channel: Channel) => void): Promise<ChannelServer>

/**
 * A server of channels. Keeps the event loop alive until it is closed. It is an `EventEmitter`:
 *
 * - 'connection' (channel)
 * - 'error' (error): a connection can't be accepted (`EMFILE`), or `authorize` threw or returned no boolean. The server
 *   goes on. After `EMFILE`, the connection waits, and the server tries again in 100 ms. Without a listener, the error
 *   becomes a warning
 * - 'close' ()
 *
 * The listeners, `authorize` and the listeners of the channels run in the asynchronous context of the
 * {@link listenChannel} call. `async_hooks` sees the server as a resource of type 'PROCNATIVECHANNELSERVER'.
 */
export class ChannelServer extends EventEmitter {
  private constructor()
  /** The path or abstract name, as passed to {@link listenChannel}. */
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
  /** Stops listening. Open channels go on. The file stays, and a successor may replace it. */
  close(): Promise<void>
  /** Same as {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** The events of a {@link ChannelServer}, with the arguments of their listeners. */
export interface ChannelServerEvents {
  connection: [channel: Channel]
  error: [error: Error]
  close: []
}

/** The options of {@link listenUnix}. */
export interface ListenUnixOptions {
  /** The mode of the socket's file, regardless of the umask. Connecting needs the right to write. Default 0o600. */
  mode?: number
  /** The maximum number of connections that wait to be accepted. Default 511, as in Node.js. */
  backlog?: number
}

/**
 * Returns a listening Unix stream socket. Its file has its mode from the first moment. Closing the socket leaves the
 * file in place, while `net.Server` removes its own file when any process with the socket closes it. Replaces the file
 * of a dead socket. Never replaces a file of a socket that a process listens on, or a file of another type.
 *
 * `handle.adopt()` returns a `net.Server`. In any runtime, `server.listen({ fd: handle.take() })` works as well.
 *
 * @param path a path, or an abstract name after a NUL, as in Node.js, or after an @, as in systemd. An abstract name
 * has no mode
 * @returns a handle, which owns the descriptor
 * @throws `EADDRINUSE` if a process listens there, or the file is not a socket
 * @throws `ENAMETOOLONG` if the path is longer than 107 bytes
 * @see unix(7), bind(2), listen(2)
 * @example
 * ```js
 * import { listenUnix } from 'procnative'
 *
 * const server = listenUnix('/run/app.sock', { mode: 0o660 }).adopt()
 * server.on('connection', (socket) => socket.end('hello\n'))
 * process.once('SIGTERM', () => server.close()) // the file stays, for a successor
 * ```
 */
export function listenUnix(path: string, options?: ListenUnixOptions): Handle

// ── Descriptors ──────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Returns two connected Unix sockets, socketpair(2). Both are close-on-exec.
 *
 * @param type 'stream' (default), 'seqpacket' or 'dgram'
 * @returns two handles, each of which owns its descriptor
 * @throws `EMFILE` if no two descriptors are free
 * @see socketpair(2), unix(7)
 */
export function socketpair(type?: 'stream' | 'seqpacket' | 'dgram'): [Handle, Handle]

/**
 * Sends one message with descriptors (SCM_RIGHTS) on a connected Unix socket of any type, by a single sendmsg(2). Adds
 * nothing to the bytes. Never waits (MSG_DONTWAIT), and raises no SIGPIPE.
 *
 * @param socket the socket; stays yours
 * @param data the bytes. With descriptors on a stream socket: at least one byte, because the kernel would drop the
 * descriptors
 * @param fds up to 253 descriptors; stay yours
 * @returns the number of bytes sent. On a stream socket, this may be a part. The descriptors go with the first byte
 * @throws `EAGAIN` if the socket has no room now
 * @throws `EINVAL` for more than 253 descriptors, and `EPIPE`, `EBADF`, `EMSGSIZE`, `ETOOMANYREFS`, `ENOTSOCK`, …
 * @see sendmsg(2), unix(7)
 * @example
 * ```js
 * import fs from 'node:fs'
 * import { recvFds, sendFds, socketpair } from 'procnative'
 *
 * const [left, right] = socketpair()
 * const file = fs.openSync('/etc/passwd')
 * sendFds(left, Buffer.from('a file'), [file])
 * fs.closeSync(file) // the message has its own copy
 *
 * const { data, handles } = recvFds(right)
 * console.log(data.toString(), handles[0].kind) // 'a file', 'file'
 * for (const handle of [left, right, ...handles]) handle.close()
 * ```
 */
export function sendFds(socket: number | Handle, data: Uint8Array, fds?: readonly Sendable[]): number

/** The options of {@link recvFds}. */
export interface RecvFdsOptions {
  /** The maximum number of bytes to receive, at least 1. Default 65,536. */
  maxLength?: number
  /** The maximum number of descriptors to receive. Further ones are closed. Default 253, the kernel's limit. */
  maxFds?: number
}

/** A message from {@link recvFds}. */
export interface Received {
  data: Buffer
  /** The received descriptors, which are close-on-exec. They are yours. */
  handles: Handle[]
  /**
   * True if the kernel or procnative cut something off: bytes of a datagram beyond `maxLength` (MSG_TRUNC), or
   * descriptors beyond `maxFds` or RLIMIT_NOFILE (MSG_CTRUNC). Descriptors that were cut off are closed.
   */
  truncated: boolean
  /** The credentials of the sender if SO_PASSCRED is set on the socket, else null. */
  credentials: PeerCredentials | null
}

/**
 * Receives one message with descriptors on a Unix socket of any type, by a single recvmsg(2). Never waits
 * (MSG_DONTWAIT).
 *
 * @param socket the socket; stays yours
 * @returns null at the end of a 'stream' or 'seqpacket' socket. Empty `data` may be an empty message of a 'seqpacket'
 * or 'dgram' socket
 * @throws `EAGAIN` if no message has arrived
 * @throws `ECONNRESET`, `EBADF`, `ENOTSOCK`, …
 * @see recvmsg(2), unix(7)
 */
export function recvFds(socket: number | Handle, options?: RecvFdsOptions): Received | null

/**
 * Returns a duplicate of a descriptor, like dup(2), but close-on-exec. Give a child a descriptor by the options of
 * {@link spawn}.
 *
 * @returns a new descriptor, which is yours
 * @throws `EBADF` if `fd` is not open; `EMFILE` if no descriptor is free
 * @see dup(2), F_DUPFD_CLOEXEC in fcntl(2)
 */
export function dup(fd: number): number

/**
 * Makes the descriptor `to` a duplicate of `from`, dup2(2), and closes the old file of `to`. `to` is not close-on-exec.
 *
 * The owner of `to` loses its file. Don't replace a descriptor of the runtime.
 *
 * @throws `EBADF` if `from` is not open, or `to` is out of range
 * @see dup2(2)
 */
export function dup2(from: number, to: number): void

/**
 * Sets or clears the flag FD_CLOEXEC of a descriptor. exec closes a descriptor with this flag.
 *
 * @throws `EBADF` if `fd` is not open
 * @see fcntl(2)
 */
export function setCloseOnExec(fd: number, enabled: boolean): void

/**
 * Returns the open descriptors of this process in ascending order, including those of the runtime.
 *
 * @throws `EMFILE` if no descriptor is free, because the list itself takes one
 * @see proc_pid_fd(5)
 */
export function openFds(): number[]
