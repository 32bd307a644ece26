// Verdicts on cases: "absorbed", "reported", "not reached" or "excused", and complaints.

import { numberOf } from './errnos.mjs'
import { excuses } from './excuses.mjs'

// The `syscall` of errors of calls that have another name in the C library.
const NAMES = {
  open64: ['open'],
  mmap64: ['mmap'],
  fstat64: ['fstat'],
  stat64: ['stat'],
  pread64: ['pread'],
  opendir: ['open'],
  readdir64: ['getdents64'],
  access: ['chdir'],
  // The check that the daemon may enter its directory.
  faccessat2: ['chdir'],
  getpwnam_r: ['getpwnam'],
  getpwuid_r: ['getpwuid'],
  getgrnam_r: ['getgrnam'],
  setresuid: ['setuid'],
  setresgid: ['setgid'],
  seteuid: ['setuid'],
  F_GETFD: ['fcntl'],
  F_SETFD: ['fcntl'],
  F_GETFL: ['fcntl'],
  F_SETFL: ['fcntl'],
  F_OFD_GETLK: ['fcntl'],
  F_OFD_SETLK: ['fcntl'],
  F_DUPFD_CLOEXEC: ['fcntl'],
  TIOCSCTTY: ['ioctl'],
  TIOCSPGRP: ['tcsetpgrp'],
  TIOCGPGRP: ['tcgetpgrp'],
  PR_SET_PDEATHSIG: ['prctl'],
  PR_SET_CHILD_SUBREAPER: ['prctl'],
  PR_GET_CHILD_SUBREAPER: ['prctl'],
  EPOLL_CTL_ADD: ['epoll_ctl'],
}

const isSystemError = ({ code }) => /^E(?!RR_)[A-Z0-9]+$/.test(code)

// Checks an error against E1 of docs/contract.md.
function errorComplaints({ error, uncaught }, fault) {
  const { name, code, errno, syscall, message, cause } = error
  const complaints = []
  if (error.kind === 'Refusal') return []
  if (uncaught) complaints.push(`uncaught ${code ?? name}: ${message}`)
  if (typeof code !== 'string') return [`an error without a code: ${name}: ${message}`]
  if (!isSystemError(error)) return complaints
  if (fault && numberOf(code) !== fault.number) complaints.push(`${code} came of ${fault.errno}: ${message}`)
  if (name !== 'Error' || errno !== -numberOf(code) || typeof syscall !== 'string') {
    complaints.push(`not of E1's shape: ${JSON.stringify({ name, code, errno, syscall })}`)
  }
  if (!message.startsWith(`${code}: `) || !message.includes(`, ${syscall}`)) complaints.push(`E1's words: ${message}`)
  const names = fault && (NAMES[fault.title] ?? [fault.title])
  if (names && !names.includes(syscall)) complaints.push(`${syscall} instead of ${names.join(' or ')}: ${message}`)
  if (cause && isSystemError(cause)) complaints.push(...errorComplaints({ error: cause }, fault))
  return complaints
}

/** Returns the outcome of a case, and the complaints about it. */
export function verdict({ scenario, fault }, facts) {
  const errors = facts.told.filter((line) => line.error)
  const causes = errors.filter(({ error }) => error.kind !== 'Consequence')
  const left = facts.told.filter((line) => line.left).map((line) => line.left)
  const complaints = [
    ...(facts.isLate ? ['it hung'] : []),
    ...(!facts.isLate && (facts.signal || facts.code !== 0) ? [`it ended with ${facts.signal ?? facts.code}`] : []),
    ...(!facts.isLate && !facts.told.some((line) => line.ended) ? ['it has not come to its end'] : []),
    ...causes.flatMap((line) => errorComplaints(line, fault)),
    ...(errors.length > 0 && causes.length === 0 ? [`no process reported the cause: ${errors[0].error.message}`] : []),
    ...left.map((one) => `left: ${JSON.stringify(one)}`),
    ...facts.processes.map((one) => `left running: ${one}`),
    ...facts.files.map((one) => `left the file ${one}`),
  ]
  if (/panicked at/.test(facts.output)) complaints.push('it panicked')
  if (!fault || !facts.isReached) return { outcome: fault ? 'not reached' : 'recorded', complaints }
  const outcome = errors.length > 0 ? 'reported' : 'absorbed'
  const { excused, others } = excuses({ ...fault, scenario, output: facts.output }, complaints)
  return { outcome: excused.length > 0 && others.length === 0 ? 'excused' : outcome, complaints: others }
}
