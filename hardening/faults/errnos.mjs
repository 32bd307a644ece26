// The errnos with which each system call can fail: the ERRORS sections of the Linux man pages. The first errno of a line is the
// likeliest in practice. It is also tried at later calls from a place.
//
// Left out everywhere:
//   EFAULT        means a pointer outside the address space, which Rust rules out.
//   ENOSYS        of calls that are older than the oldest kernel (5.9). A seccomp profile that refuses them returns EPERM.
//   ERESTARTSYS   and its kin never leave the kernel.
// Errnos that are impossible for the given arguments (EINVAL, EBADF, ENOTSOCK, …) are in: they must come out as errors, too.

import os from 'node:os'

const OTHERS = { ETOOMANYREFS: 109, EHOSTDOWN: 112, ENOTBLK: 15, EUSERS: 87 }

/** Returns the number of an errno. */
export const numberOf = (name) => os.constants.errno[name] ?? OTHERS[name]

const PATH = 'EACCES ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR EIO'
const OPEN = `EMFILE ENFILE ${PATH} EBUSY EDQUOT EEXIST EINTR EINVAL EISDIR ENODEV ENOSPC ENXIO EOPNOTSUPP EOVERFLOW EPERM EROFS ETXTBSY EAGAIN`
const READ = 'EIO EAGAIN EBADF EINTR EINVAL EISDIR'
const WRITE = 'ENOSPC EAGAIN EBADF EDQUOT EFBIG EINTR EINVAL EIO EPERM EPIPE EDESTADDRREQ'
const SEND =
  'ENOBUFS EACCES EAGAIN EBADF ECONNREFUSED ECONNRESET EDESTADDRREQ EINTR EINVAL EISCONN EMSGSIZE ENOENT ENOMEM ENOTCONN ENOTSOCK EOPNOTSUPP EPERM EPIPE'
const RECEIVE = 'ENOMEM EAGAIN EBADF ECONNREFUSED ECONNRESET EINTR EINVAL ENOTCONN ENOTSOCK'
const SOCKET_NAME = 'ENOBUFS EBADF EINVAL ENOTSOCK'
const OPTION = 'ENOMEM EBADF EINVAL ENOPROTOOPT ENOTSOCK EDOM EPERM'
const ACCOUNT = 'ENOMEM EINTR EIO EMFILE ENFILE ERANGE'
const CHANGE_ID = 'EPERM EAGAIN EINVAL'
const MAP = 'ENOMEM EACCES EAGAIN EBADF EINVAL ENFILE ENODEV EOVERFLOW EPERM ETXTBSY'
const TERMINAL = 'ENOTTY EBADF EINVAL EIO EPERM ESRCH'

const FCNTL = {
  0: ['F_DUPFD', 'EMFILE EBADF EINVAL'],
  1: ['F_GETFD', 'EBADF'],
  2: ['F_SETFD', 'EBADF EINVAL'],
  3: ['F_GETFL', 'EBADF'],
  4: ['F_SETFL', 'EPERM EBADF EINVAL EAGAIN'],
  36: ['F_OFD_GETLK', 'EBADF EINVAL ENOLCK EOVERFLOW'],
  37: ['F_OFD_SETLK', 'ENOLCK EACCES EAGAIN EBADF EINTR EINVAL EOVERFLOW'],
  1030: ['F_DUPFD_CLOEXEC', 'EMFILE EBADF EINVAL'],
  1032: ['F_GETPIPE_SZ', 'EBADF EINVAL'],
  1034: ['F_GET_SEALS', 'EBADF EINVAL'],
}

const IOCTL = {
  21518: ['TIOCSCTTY', `EPERM EBADF EINVAL EIO ENOTTY`],
  21519: ['TIOCGPGRP', TERMINAL],
  21520: ['TIOCSPGRP', TERMINAL],
  21538: ['TIOCNOTTY', 'EBADF ENOTTY'],
  3225485067: ['PIDFD_GET_INFO', 'ENOTTY EBADF EINVAL ESRCH'],
}

const PRCTL = {
  1: ['PR_SET_PDEATHSIG', 'EINVAL EPERM'],
  2: ['PR_GET_PDEATHSIG', 'EINVAL EPERM'],
  3: ['PR_GET_DUMPABLE', 'EINVAL EPERM'],
  4: ['PR_SET_DUMPABLE', 'EINVAL EPERM'],
  36: ['PR_SET_CHILD_SUBREAPER', 'EINVAL EPERM'],
  37: ['PR_GET_CHILD_SUBREAPER', 'EINVAL EPERM'],
}

const EPOLL_CTL = {
  1: ['EPOLL_CTL_ADD', 'ENOSPC EBADF EEXIST EINVAL ELOOP ENOMEM EPERM'],
}

// System calls by their numbers on x86-64.
const CLOSE = 'EIO EBADF EDQUOT EINTR ENOSPC'
const SYSCALL = {
  3: ['close', CLOSE],
  13: ['rt_sigaction', 'EINVAL'],
  106: ['setgid', CHANGE_ID],
  105: ['setuid', CHANGE_ID],
  116: ['setgroups', 'EPERM EINVAL ENOMEM'],
  117: ['setresuid', CHANGE_ID],
  119: ['setresgid', CHANGE_ID],
  247: ['waitid', 'ECHILD EAGAIN EBADF EINTR EINVAL ESRCH'],
  332: ['statx', `${PATH} EBADF EINVAL`],
  424: ['pidfd_send_signal', 'EPERM EBADF EINVAL ESRCH'],
  434: ['pidfd_open', 'EMFILE EINVAL ENFILE ENODEV ENOMEM ESRCH'],
  316: ['renameat2', `${PATH} EBUSY EDQUOT EEXIST EINVAL EMLINK ENOSPC EPERM EROFS`],
  439: ['faccessat2', `${PATH} EINVAL EPERM EROFS ETXTBSY`],
  436: ['close_range', 'EPERM EINVAL EMFILE ENOMEM'],
}

const FUNCTIONS = {
  accept4: 'EMFILE EAGAIN EBADF ECONNABORTED EINTR EINVAL ENFILE ENOBUFS ENOMEM ENOTSOCK EOPNOTSUPP EPERM EPROTO',
  access: `${PATH} EINVAL EPERM EROFS ETXTBSY`,
  bind: `EADDRINUSE EACCES EADDRNOTAVAIL EBADF EINVAL ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR ENOTSOCK EROFS`,
  chdir: PATH,
  clone: 'EAGAIN EINVAL ENOMEM ENOSPC EPERM',
  close: CLOSE,
  connect:
    'ECONNREFUSED EACCES EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN EALREADY EBADF EINTR EISCONN ENETUNREACH ENOENT ENOTSOCK EPERM EPROTOTYPE ETIMEDOUT',
  dup2: 'EMFILE EBADF EBUSY EINTR',
  epoll_create1: 'EMFILE EINVAL ENFILE ENOMEM',
  epoll_wait: 'EINTR EBADF EINVAL',
  eventfd: 'EMFILE EINVAL ENFILE ENODEV ENOMEM',
  execve: `${PATH} E2BIG EAGAIN EINVAL EISDIR ELIBBAD EMFILE ENFILE ENOEXEC EPERM ETXTBSY`,
  fchmod: 'EPERM EBADF EIO EROFS',
  flock: 'ENOLCK EBADF EINTR EINVAL EWOULDBLOCK',
  fstat: 'ENOMEM EBADF EOVERFLOW',
  fstat64: 'ENOMEM EBADF EOVERFLOW',
  fchown: `${PATH} EBADF EPERM EROFS`,
  fstatat: `${PATH} EBADF EINVAL EOVERFLOW`,
  fstatfs64: 'ENOMEM EBADF EINTR EIO EOVERFLOW EPERM',
  ftruncate: 'EIO EBADF EFBIG EINTR EINVAL EPERM ETXTBSY',
  lseek: 'EBADF EINVAL EOVERFLOW',
  getcwd: 'ENOENT EACCES EINVAL ENAMETOOLONG ENOMEM ERANGE',
  getgrnam_r: ACCOUNT,
  getpwnam_r: ACCOUNT,
  getpwuid_r: ACCOUNT,
  getgrouplist: 'ENOMEM',
  getgroups: 'EINVAL EPERM',
  getpeername: `${SOCKET_NAME} ENOTCONN`,
  getpgid: 'EPERM ESRCH',
  // Without EAGAIN and EINVAL, on which Rust's standard library panics. They need flags that it does not use.
  getrandom: 'EINTR EPERM ENOSYS',
  getresgid: 'EPERM',
  getresuid: 'EPERM',
  getsid: 'EPERM ESRCH',
  getsockname: SOCKET_NAME,
  getsockopt: OPTION,
  isatty: 'ENOTTY EBADF',
  kill: 'EPERM EINVAL ESRCH',
  listen: 'EADDRINUSE EBADF ENOTSOCK EOPNOTSUPP',
  lseek64: 'ESPIPE EBADF EINVAL ENXIO EOVERFLOW',
  lstat: PATH,
  memfd_create: 'EMFILE EINVAL ENFILE ENOMEM EPERM',
  mmap: MAP,
  mmap64: MAP,
  mprotect: 'ENOMEM EACCES EINVAL',
  munmap: 'EINVAL ENOMEM',
  opendir: 'EMFILE EACCES EBADF ENFILE ENOENT ENOMEM ENOTDIR',
  open: OPEN,
  open64: OPEN,
  openat: `${OPEN} EBADF`,
  pipe2: 'EMFILE EINVAL ENFILE ENOPKG',
  poll: 'ENOMEM EINTR EINVAL',
  pread: `${READ} ENXIO EOVERFLOW ESPIPE`,
  pread64: `${READ} ENXIO EOVERFLOW ESPIPE`,
  pthread_create: 'EAGAIN EINVAL EPERM',
  pwrite: `${WRITE} ENXIO EOVERFLOW ESPIPE`,
  read: READ,
  readdir64: 'EIO EBADF ENOENT',
  readlink: `${PATH} EINVAL`,
  readlinkat: `${PATH} EBADF EINVAL`,
  realpath: `${PATH} EINVAL`,
  recv: RECEIVE,
  recvmsg: RECEIVE,
  send: SEND,
  sendmsg: `${SEND} ETOOMANYREFS`,
  seteuid: CHANGE_ID,
  setgroups: 'EPERM EINVAL ENOMEM',
  setpgid: 'EPERM EACCES EINVAL ESRCH',
  setresgid: CHANGE_ID,
  setresuid: CHANGE_ID,
  setsid: 'EPERM',
  setsockopt: OPTION,
  shutdown: 'ENOTCONN EBADF EINVAL ENOTSOCK',
  sigaction: 'EINVAL',
  socket: 'EMFILE EACCES EAFNOSUPPORT EINVAL ENFILE ENOBUFS ENOMEM EPROTONOSUPPORT',
  socketpair: 'EMFILE EAFNOSUPPORT ENFILE ENOBUFS ENOMEM EOPNOTSUPP EPROTONOSUPPORT',
  stat: `${PATH} EOVERFLOW`,
  stat64: `${PATH} EOVERFLOW`,
  statx: `${PATH} EBADF EINVAL`,
  tcgetpgrp: 'ENOTTY EBADF EIO',
  tcgetsid: 'ENOTTY EBADF EIO',
  tcsetpgrp: 'EPERM EBADF EINTR EINVAL EIO ENOTTY',
  unlinkat: `${PATH} EBADF EBUSY EINVAL EISDIR EPERM EROFS`,
  waitpid: 'ECHILD EAGAIN EINTR EINVAL ESRCH',
  write: WRITE,
  writev: WRITE,
}

const NUMBERED = { fcntl: FCNTL, ioctl: IOCTL, prctl: PRCTL, epoll_ctl: EPOLL_CTL, syscall: SYSCALL }

// Calls that are not made to fail.
const SPARED = [
  // rt_sigprocmask(2) fails only for a wrong constant or a bad address. procnative could not repair an unset mask.
  'syscall:14',
  'pthread_sigmask',
  // closedir(3) fails only with EBADF, on which Rust's standard library panics.
  'closedir',
  // EPOLL_CTL_DEL and EPOLL_CTL_MOD of a member of the set. Only EPOLL_CTL_ADD needs memory or exceeds the limit.
  'epoll_ctl:2',
  'epoll_ctl:3',
  // gettid(2) has no errors.
  'syscall:186',
  // Rust's standard library waits by futex(2), and handles EAGAIN and EINTR all the time.
  'syscall:202',
]

/** Returns the title of a call and the names of its errnos, or null if the call does not fail. */
export function failuresOf(name) {
  if (SPARED.includes(name)) return null
  const [callee, number] = name.split(':')
  const [title, errnos] = number === undefined ? [name, FUNCTIONS[name]] : (NUMBERED[callee][number] ?? [])
  if (errnos === undefined) throw new Error(`no errnos are known of ${name}`)
  return { title, errnos: errnos.split(' ') }
}

// Functions that are no system calls, or that don't fail.
const HARMLESS = [
  // The compiler, the loader, memory and text.
  '_Unwind_.* _ITM_.* __.* abort atexit bcmp calloc dirfd dl_iterate_phdr dladdr dlclose dlerror dlsym free getenv malloc memcpy',
  'environ memmove memset posix_memalign realloc sigaddset sigemptyset strlen sysconf',
  // Threads, except pthread_create(3), which can fail.
  'pthread_(attr|key)_.* pthread_(detach|join|self|setname_np|setspecific) sched_yield',
  // System calls without errors. getrlimit(2) can't fail for a limit that exists.
  '_exit getgid getpid getppid getrlimit gettid getuid getegid geteuid umask',
  // Clocks that every Linux has. Rust continues an interrupted sleep, and pause(2) ends with the process.
  'clock_gettime clock_nanosleep pause',
]
  .join(' ')
  .split(' ')

/** Returns true if a function of the C library needs no fault. */
export const isHarmless = (name) => HARMLESS.some((pattern) => new RegExp(`^${pattern}$`).test(name))
