'use strict'

// The messages of all errors except system errors: libuv words those (src/js/bridge/error.rs). Wrong arguments have
// Node's codes. Conditions of procnative have codes of their own, and docs/errors.md explains each.

const { constants } = require('node:buffer')
const { inspect } = require('node:util')

function withCode(error, code, properties) {
  return Object.assign(error, { code }, properties)
}

// Calls "options.cwd" a property and "pid" an argument, as Node's own messages do.
function subject(name) {
  return `The "${name}" ${name.includes('.') ? 'property' : 'argument'}`
}

function received(value) {
  if (value === null || value === undefined) return `Received ${value}`
  if (typeof value === 'function') return `Received function ${value.name}`
  if (typeof value === 'object') {
    const name = value.constructor?.name
    return name ? `Received an instance of ${name}` : `Received ${inspect(value, { depth: -1 })}`
  }
  return `Received type ${typeof value} (${inspect(value).slice(0, 28)})`
}

// Shows a value in one line. Shows only the class name of an instance, because its internals are long.
function brief(value) {
  const className = typeof value === 'object' ? value?.constructor?.name : undefined
  if (className !== undefined && !['Object', 'Array'].includes(className)) return `an instance of ${className}`
  return inspect(value, { breakLength: Number.POSITIVE_INFINITY, depth: 0 }).slice(0, 128)
}

exports.invalidArgType = (name, expected, value, cause) =>
  withCode(
    new TypeError(`${subject(name)} must be ${expected}. ${received(value)}`, cause && { cause }),
    'ERR_INVALID_ARG_TYPE',
  )

exports.invalidArgValue = (name, reason, value) =>
  withCode(new TypeError(`${subject(name)} ${reason}. Received ${brief(value)}`), 'ERR_INVALID_ARG_VALUE')

exports.outOfRange = (name, range, value) =>
  withCode(new RangeError(`${subject(name)} must be ${range}. Received ${inspect(value)}`), 'ERR_OUT_OF_RANGE')

const didYouMean = (nearest) => (nearest === undefined ? '' : `. Did you mean '${nearest}'?`)

exports.unknownOption = (name, key, nearest) =>
  withCode(new TypeError(`Unknown option "${name}.${key.slice(0, 64)}"${didYouMean(nearest)}`), 'ERR_INVALID_ARG_VALUE')

exports.unknownSignal = (name, value, nearest) =>
  withCode(
    new TypeError(
      `${subject(name)} must be a signal name. Received ${inspect(value).slice(0, 128)}${didYouMean(nearest)}`,
    ),
    'ERR_INVALID_ARG_VALUE',
  )

// The same words as in Node's process.setuid() and process.setgid().
exports.unknownCredential = (kind, id) =>
  withCode(new Error(`${kind} identifier does not exist: ${id}`), 'ERR_UNKNOWN_CREDENTIAL')

exports.groupNeeded = (uid) =>
  withCode(
    new Error(`User ${uid} is not in the password database, so its group is unknown. Set the option 'group' too`),
    'ERR_UNKNOWN_CREDENTIAL',
  )

exports.illegalConstructor = () => withCode(new TypeError('Illegal constructor'), 'ERR_ILLEGAL_CONSTRUCTOR')

// ── procnative's own conditions ──

exports.platform = (platform) =>
  withCode(new Error(`procnative runs only on Linux. This platform is ${platform}`), 'ERR_PROCNATIVE_PLATFORM')

exports.NO_BINARY = 'ERR_PROCNATIVE_NO_BINARY'

const noBinary = (reason, cause) =>
  withCode(new Error(`procnative can't load its binary: ${reason}`, cause && { cause }), exports.NO_BINARY)

exports.addonsDisabled = (by, cause) =>
  noBinary(
    by === 'permission'
      ? 'Node.js runs with its permission model. Add --allow-addons'
      : 'Node.js runs with --no-addons. Remove that option',
    cause,
  )

exports.noBinaryFor = (here, known) => noBinary(`no binary exists for ${here}, only for ${known.join(' and ')}`)

exports.noBinaryIn = (directory, name, cause) =>
  noBinary(
    `procnative.${name}.node is missing, and no package @procnative/binding-${name} is installed. ` +
      `Install procnative with its optional dependencies, or run \`npm run build\` in ${directory} to build it with cargo`,
    cause,
  )

exports.noBinaryInBundle = (name, cause) =>
  noBinary(
    `this bundle lacks procnative.${name}.node. Mark procnative as external, or set PROCNATIVE_BINARY to the path of a ` +
      'copy of that file. See docs/guides/bundlers.md of procnative',
    cause,
  )

const binaryForAnother = (cure) => (file, its, here, cause) =>
  noBinary(`${file} is for ${its}, but this Node.js is for ${here}. ${cure}`, cause)

exports.foundBinaryForAnother = binaryForAnother('Install procnative on this machine')
exports.namedBinaryForAnother = binaryForAnother('Set PROCNATIVE_BINARY to a binary for this machine')

exports.binaryOfVersion = (from, found, version) =>
  noBinary(
    `${from} is from procnative ${found ?? '(no version)'}, but the JavaScript is from procnative ${version}. ` +
      `Use the binary of procnative ${version}`,
  )

exports.binaryUnloadable = (directory, cause) => {
  const [reason] = cause.message.split('\n')
  const cure = directory ? `. Run \`npm run build\` in ${directory} to build it with cargo` : ''
  return noBinary(`${reason}${cure}`, cause)
}

exports.binaryPath = (value) => noBinary(`PROCNATIVE_BINARY must be an absolute path. Received ${inspect(value)}`)

exports.runtime = (what, runtime) =>
  withCode(new Error(`${what} needs Node.js. This runtime is ${runtime}`), 'ERR_PROCNATIVE_RUNTIME')

exports.workerThread = (what) =>
  withCode(
    new Error(
      `${what} must be called on the main thread, but this is a worker thread. In a test runner, use processes: ` +
        "ava with workerThreads: false, vitest with pool: 'forks'",
    ),
    'ERR_PROCNATIVE_WORKER_THREAD',
  )

exports.clusterWorker = () =>
  withCode(
    new Error(
      "A cluster worker can't become a daemon because it belongs to its primary. " +
        'Call daemonize() in the primary before it forks workers',
    ),
    'ERR_PROCNATIVE_CLUSTER_WORKER',
  )

exports.stdinScript = () =>
  withCode(
    new Error("A script from standard input can't run again as a daemon. Save the script to a file"),
    'ERR_PROCNATIVE_STDIN_SCRIPT',
  )

exports.repl = () =>
  withCode(
    new Error("The REPL can't run again as a daemon. Save the program to a file and run that file"),
    'ERR_PROCNATIVE_REPL',
  )

exports.initProcess = () =>
  withCode(
    new Error(
      "PID 1 can't start a daemon because the kernel kills the daemon when PID 1 ends. Use daemonize({ foreground: true })",
    ),
    'ERR_PROCNATIVE_INIT_PROCESS',
  )

exports.testRunner = (runner) =>
  withCode(
    new Error(
      `daemonize() would end this test process (${runner}) with exit code 0 and hide failures. ` +
        'Start the program as a separate process, or use daemonize({ foreground: true })',
    ),
    'ERR_PROCNATIVE_TEST_RUNNER',
  )

exports.alreadyDaemonized = () =>
  withCode(
    new Error('This process has already called daemonize(). Call daemonize() once, at the start of the program'),
    'ERR_PROCNATIVE_ALREADY_DAEMONIZED',
  )

exports.linkLost = () =>
  withCode(
    new Error(
      'The daemon lost a descriptor that it inherited from its launcher. Call daemonize() before closing inherited descriptors',
    ),
    'ERR_PROCNATIVE_LINK_LOST',
  )

exports.alreadyRunning = ({ pid, pidFile }) => {
  const state = pid === null ? 'running or starting' : 'running'
  return withCode(
    new Error(`A daemon is already ${state} with the pid file ${pidFile} (pid ${pid ?? 'unknown'})`),
    'ERR_PROCNATIVE_ALREADY_RUNNING',
    { pid },
  )
}

// The line written to a log when reopenLogs() fails.
exports.logsKept = ({ message }) => `procnative: reopenLogs() keeps writing to the old files: ${message}\n`

// The line written to standard error when a message to the service manager fails.
exports.managerUnaware = (reason) =>
  `procnative: the service manager does not know that the daemon is ready: ${reason}\n`

exports.stopTimeout = ({ pid, timeout, kill }) => {
  const more = kill ? `, nor within ${timeout} ms after SIGKILL` : ". Raise 'timeout', or set 'kill' to true"
  return withCode(new Error(`Daemon ${pid} did not end within ${timeout} ms${more}`), 'ERR_PROCNATIVE_STOP_TIMEOUT', {
    pid,
    timeout,
  })
}

exports.holderUnknown = (pidFile) =>
  withCode(
    new Error(
      `The pid file ${pidFile} is locked, but procnative can't verify its pid. Find the holder with \`fuser ${pidFile}\``,
    ),
    'ERR_PROCNATIVE_HOLDER_UNKNOWN',
  )

exports.unixServer = (name, path) =>
  withCode(
    new TypeError(
      `${subject(name)} is a server that removes ${path} when this process closes it. Listen with listenUnix() and \`{ fd }\` instead`,
    ),
    'ERR_PROCNATIVE_UNIX_SERVER',
  )

exports.childOwned = (pid) => {
  const problem =
    pid > 0
      ? `Process ${pid} may belong to child_process, and reaping it would lose its 'exit' event. ` +
        `Use wait(${pid}, { observe: true })`
      : "A matching child may belong to child_process, and reaping it would lose its 'exit' event. Use the pid of a single child"
  return withCode(new Error(`${problem}, or { force: true } to reap it anyway`), 'ERR_PROCNATIVE_CHILD_OWNED', { pid })
}

exports.processClosed = () => withCode(new Error('The Process is closed'), 'ERR_PROCNATIVE_PROCESS_CLOSED')

exports.handleClosed = () => withCode(new Error('The Handle is closed or was taken'), 'ERR_PROCNATIVE_HANDLE_CLOSED')

exports.notAdoptable = (kind) =>
  withCode(
    new TypeError(`Node.js has no object for a descriptor of kind '${kind}'. ${ADVICE[kind] ?? ANY_ADVICE}`),
    'ERR_PROCNATIVE_NOT_ADOPTABLE',
  )

const ADVICE = {
  __proto__: null,
  file: 'Use its fd with node:fs',
  directory: "Use its fd with node:fs, as a path below '/proc/self/fd'",
  'character-device': 'Use its fd with node:fs',
  'block-device': 'Use its fd with node:fs',
  'unix-dgram': 'Use its fd with sendFds() and recvFds()',
  'unix-seqpacket': 'Use its fd with sendFds() and recvFds()',
}
const ANY_ADVICE = 'Pass its fd to a native addon, or send the Handle to another process'

exports.handleCollected = (fd, kind) =>
  withCode(
    new Error(
      `Descriptor ${fd} (${kind}) was closed because its Handle was collected. Call adopt(), take() or close()`,
    ),
    'PROCNATIVE_HANDLE_COLLECTED',
    { name: 'Warning' },
  )

exports.handleLost = (fd) =>
  withCode(
    new Error(
      `Descriptor ${fd} was closed by its number before its Handle was collected. Call take() before closing the number`,
    ),
    'PROCNATIVE_HANDLE_LOST',
    { name: 'Warning' },
  )

exports.channelClosed = () => withCode(new Error('The Channel is closed'), 'ERR_PROCNATIVE_CHANNEL_CLOSED')

exports.notAuthorized = (value) =>
  withCode(
    new TypeError(`The "authorize" function must return a boolean. ${received(value)}`),
    'ERR_INVALID_RETURN_VALUE',
  )

// ── Faults of a peer ──

const peerFault = (message, code) => (cause) => withCode(new Error(message, cause && { cause }), code)

exports.messageTooLong = peerFault(
  "The peer announced a message longer than 'maxMessageLength'. Raise the option if the peer may send such a message",
  'ERR_PROCNATIVE_MESSAGE_TOO_LONG',
)
exports.textTooLong = peerFault(
  `The peer sent a message longer than the longest string (${constants.MAX_STRING_LENGTH} UTF-16 units). Send it in parts`,
  'ERR_PROCNATIVE_MESSAGE_TOO_LONG',
)
exports.tooManyHandles = peerFault(
  "The peer sent more handles with a message than 'maxHandles'. Raise the option if the peer may send as many",
  'ERR_PROCNATIVE_TOO_MANY_HANDLES',
)
exports.handlesMissing = peerFault('The peer sent fewer handles than it announced', 'ERR_PROCNATIVE_HANDLES_MISSING')
exports.handlesSurplus = peerFault('The peer sent more handles than it announced', 'ERR_PROCNATIVE_HANDLES_SURPLUS')
exports.messageCut = peerFault('The peer ended in the middle of a message', 'ERR_PROCNATIVE_MESSAGE_CUT')
exports.messageInvalid = peerFault(
  "The peer sent an invalid message for this serialization. Give both ends the same 'serialization'",
  'ERR_PROCNATIVE_MESSAGE_INVALID',
)
// The peer is not at fault here: this process has reached RLIMIT_NOFILE.
exports.handlesLost = peerFault(
  'The kernel dropped received handles because this process has too many open descriptors (EMFILE). Raise `ulimit -n`',
  'ERR_PROCNATIVE_HANDLES_LOST',
)

// The message has the daemon's output. `stderr` is not enumerable, so that Node doesn't print the output twice.
function startFailure(code, what, { stderr, cause }, properties) {
  const output = stderr === '' ? '' : `. It wrote to standard error:\n${stderr.trimEnd()}`
  const error = withCode(new Error(what + output, cause && { cause }), code, properties)
  return Object.defineProperty(error, 'stderr', { __proto__: null, value: stderr, configurable: true, writable: true })
}

// Reasons for a timeout, by the option `ready`.
const UNREADY = {
  auto: 'its main script did not finish, or did not call daemonize()',
  manual: 'it did not call ready()',
  notify: 'it did not send READY=1',
}

// Reasons for an early end with exit code 0, by the option `ready`.
const ENDED = {
  auto: 'it called process.exit() before its main script ended, or never called daemonize()',
  manual: 'it never called ready()',
  notify: 'it never sent READY=1',
}

const LISTENS_TWICE = 'the launcher still listens on the same address. Call daemonize() before listen()'

exports.daemonExited = ({ exitCode, signal, ready, isAddressTaken, ...told }) => {
  const known = exitCode === null ? 'ended' : `ended with exit code ${exitCode}`
  const how = signal === null ? known : `was killed by ${signal}`
  const why = isAddressTaken ? LISTENS_TWICE : exitCode === 0 && ENDED[ready]
  const what = `The daemon ${how} before it was ready${why ? `: ${why}` : ''}`
  return startFailure('ERR_PROCNATIVE_DAEMON_EXITED', what, told, { exitCode, signal })
}

exports.daemonTimeout = ({ timeout, ready, killed, ...told }) => {
  const end = killed ? 'The daemon was killed' : 'The daemon still runs because this user may not kill it'
  const what = `The daemon was not ready within ${timeout} ms: ${UNREADY[ready]}. ${end}`
  return startFailure('ERR_PROCNATIVE_DAEMON_TIMEOUT', what, told, { timeout })
}
