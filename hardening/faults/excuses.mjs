// Complaints that are right to occur, each with the reason.

const EXCUSES = [
  // The fault says that a child can't be waited for. In fact the child has run.
  { calls: ['waitid', 'waitpid'], of: /^left( the file|: {"descriptors":\[\],"threads":0)/ },
  // Rust's standard library opens /dev/urandom instead, and keeps it open.
  { calls: ['getrandom'], of: /^left: {"descriptors":\["\d+ is \/dev\/urandom"\],"threads":0,"children":\[\]}$/ },
  // getpgid(2) of the caller has no errors, so procnative does not check it.
  { calls: ['getpgid'], of: /EINVAL.*, tcsetpgrp$/ },
  // No caller waits that could receive the error.
  { calls: ['epoll_wait'], of: /^uncaught E/ },
  { scenario: 'orphans', calls: ['pread', 'waitid', 'pidfd_send_signal'], of: /^uncaught E/ },
  // procnative forgets a protected process at its next look at the children, which never comes.
  { scenario: 'orphans', of: /^left: {"descriptors":\["\d+ is anon_inode:\[pidfd\]"\],"threads":0,"children":\[\]}$/ },
  // A thread of procnative reaps children of an ended worker thread. Without that thread, they are orphans.
  { scenario: 'worker', calls: ['pthread_create', 'poll', 'epoll_wait'], of: /^left: {"descriptors":\[\],"threads":0/ },
  // close(2) of a Unix socket can't fail in fact. The fault makes fork() throw after the start of its child.
  { scenario: 'fork', calls: ['close'], of: /^(it hung|left: )/ },
  // listenUnix() replaces a file only if it knows that no process listens there. After the fault, it can't know.
  { calls: ['open', 'connect'], of: /bind '.*\/dead'$/ },
  // A daemon owns its logs from its beginning, also if the launcher killed it because it could not wait.
  { calls: ['poll', 'recv', 'recvmsg'], of: /^left the file (stdout|stderr|log)$/ },
  // No peer has reset the connection in fact. This end closes, and then its peer gets EPIPE.
  { scenario: 'channel', calls: ['recvmsg'], errnos: ['ECONNRESET'], of: /EPIPE.*, sendmsg$/ },
  // A launcher has both ends when it sends its settings, so the other end can't be closed in fact.
  { calls: ['send'], errnos: ['ECONNRESET', 'EPIPE'], of: /EAGAIN.*, recv$/ },
  // An empty file that could not be locked may belong to another process by now.
  { calls: ['F_OFD_SETLK'], of: /^left the file (pid|other)$/ },
  // At its exit, a daemon reports on standard error why its pid file is left, or it has emptied the file.
  { said: /the pid file could not be removed/, of: /^left the file pid$/ },
  {
    calls: ['open', 'fstatat', 'unlinkat', 'fstat'],
    errnos: ['EACCES', 'EPERM', 'EROFS'],
    of: /^left the file (pid|other)$/,
  },
]

/** Divides complaints about a case into excused ones and others. */
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
