// What is left behind or told otherwise, and rightly so: each with the reason.

const EXCUSES = [
  // That a child can't be waited for was made up: it is there, and has done its work.
  { calls: ['waitid', 'waitpid'], of: /^left( the file|: {"descriptors":\[\],"threads":0)/ },
  // Rust's standard library turns to the file, and keeps it.
  { calls: ['getrandom'], of: /^left: {"descriptors":\["\d+ is \/dev\/urandom"\],"threads":0,"children":\[\]}$/ },
  // getpgid(2) of oneself has no errors, and is not looked at.
  { calls: ['getpgid'], of: /EINVAL.*, tcsetpgrp$/ },
  // Nobody has called who could be told.
  { calls: ['epoll_wait'], of: /^uncaught E/ },
  { scenario: 'orphans', calls: ['pread', 'waitid', 'pidfd_send_signal'], of: /^uncaught E/ },
  // What is protected is forgotten at the next look, and there is none any more.
  { scenario: 'orphans', of: /^left: {"descriptors":\["\d+ is anon_inode:\[pidfd\]"\],"threads":0,"children":\[\]}$/ },
  // Children of a worker thread that has ended are reaped by a thread: without it, they are orphans.
  { scenario: 'worker', calls: ['pthread_create', 'poll', 'epoll_wait'], of: /^left: {"descriptors":\[\],"threads":0/ },
  // A Unix socket has nothing that its close could fail with: that fork() throws then, with its child begun, was made up.
  { scenario: 'fork', calls: ['close'], of: /^(it hung|left: )/ },
  // listenUnix() replaces a file only where it has found out that nobody has it: else it is in use.
  { calls: ['open', 'connect'], of: /bind '.*\/dead'$/ },
  // A daemon's logs are its own from when it has begun, also where it was killed since nobody could wait for it.
  { calls: ['poll', 'recv', 'recvmsg'], of: /^left the file (stdout|stderr|log)$/ },
  // Nobody had reset it: this end is closed for that, and then its peer, which is there, is told so.
  { scenario: 'channel', calls: ['recvmsg'], errnos: ['ECONNRESET'], of: /EPIPE.*, sendmsg$/ },
  // A launcher has both ends when it sends its settings: that the other one is gone was made up.
  { calls: ['send'], errnos: ['ECONNRESET', 'EPIPE'], of: /EAGAIN.*, recv$/ },
  // An empty file that could not be locked may be another one's by now.
  { calls: ['F_OFD_SETLK'], of: /^left the file (pid|other)$/ },
  // At its exit, a daemon says on standard error why its pid file is still there, or has emptied it.
  { said: /the pid file could not be removed/, of: /^left the file pid$/ },
  {
    calls: ['open', 'fstatat', 'unlinkat', 'fstat'],
    errnos: ['EACCES', 'EPERM', 'EROFS'],
    of: /^left the file (pid|other)$/,
  },
]

/** Complaints about a case, those apart that have a reason. */
export function excuses({ scenario, title, errno, output }, complaints) {
  const fits = (one) =>
    (one.scenario ?? scenario) === scenario &&
    (one.calls?.includes(title) ?? true) &&
    (one.errnos?.includes(errno) ?? true) &&
    (one.said?.test(output) ?? true)
  const reasons = EXCUSES.filter(fits)
  const isExcused = (complaint) => reasons.some((one) => one.of.test(complaint))
  return { excused: complaints.filter(isExcused), others: complaints.filter((one) => !isExcused(one)) }
}
