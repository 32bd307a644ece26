// With which numbers each system call can fail: the ERRORS sections of the Linux man pages. The first one of a line is the one
// that is also tried at a place's later calls, so it is one that is most likely in earnest.
//
// Left out everywhere:
//   EFAULT        is the kernel's word on a pointer outside the address space; it does not come of one that Rust has checked.
//   ENOSYS        of calls that are older than the oldest kernel (5.9); a profile of seccomp's that refuses them says EPERM.
//   ERESTARTSYS   and its kin never leave the kernel.
// What a call can't fail with for the arguments it is given (EINVAL, EBADF, ENOTSOCK, …) is in: the error is to come out all the same.

import os from 'node:os'

const OTHERS = { ETOOMANYREFS: 109, EHOSTDOWN: 112, ENOTBLK: 15, EUSERS: 87 }

/** The number of an errno's name. */
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

// By their numbers on x86-64.
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
  // Not EAGAIN and EINVAL, which come of flags that are not asked for: Rust's standard library panics.
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
  // rt_sigprocmask(2) fails on a constant that is wrong, and on a bad address. A mask that is not set would be nobody's to heal.
  'syscall:14',
  'pthread_sigmask',
  // Only with EBADF, on which Rust's standard library panics.
  'closedir',
  // EPOLL_CTL_DEL and EPOLL_CTL_MOD, of what is in the set: what their page says of memory, and of the limit, is about adding.
  'epoll_ctl:2',
  'epoll_ctl:3',
  // gettid(2) has no errors.
  'syscall:186',
  // futex(2) is how Rust's standard library waits; of its errors, EAGAIN and EINTR are its daily bread.
  'syscall:202',
]

/** How a call is to be named, and the names of the errnos it is to fail with. Null: it does not fail. */
export function failuresOf(name) {
  if (SPARED.includes(name)) return null
  const [callee, number] = name.split(':')
  const [title, errnos] = number === undefined ? [name, FUNCTIONS[name]] : (NUMBERED[callee][number] ?? [])
  if (errnos === undefined) throw new Error(`no errnos are known of ${name}`)
  return { title, errnos: errnos.split(' ') }
}

// Functions that are no system calls, or such as don't fail.
const HARMLESS = [
  // Of the compiler and the loader; memory and text.
  '_Unwind_.* _ITM_.* __.* abort atexit bcmp calloc dirfd dl_iterate_phdr dladdr dlclose dlerror dlsym free getenv malloc memcpy',
  'environ memmove memset posix_memalign realloc sigaddset sigemptyset strlen sysconf',
  // Threads: to start one can fail.
  'pthread_(attr|key)_.* pthread_(detach|join|self|setname_np|setspecific) sched_yield',
  // System calls without errors: getrlimit can't fail for a limit that exists.
  '_exit getgid getpid getppid getrlimit gettid getuid getegid geteuid umask',
  // Clocks that every Linux has; a sleep is taken up again by Rust, and pause(2) ends with the process.
  'clock_gettime clock_nanosleep pause',
]
  .join(' ')
  .split(' ')

/** Whether a function of the C library's can be left to itself. */
export const isHarmless = (name) => HARMLESS.some((pattern) => new RegExp(`^${pattern}$`).test(name))
