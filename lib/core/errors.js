'use strict'

// The only place that words messages. A failed system call is worded by libuv (src/js/bridge/error.rs); what stands here
// are wrong arguments, with Node's codes, and procnative's own conditions, each of which docs/errors.md explains.

const { constants } = require('node:buffer')
const { inspect } = require('node:util')

function withCode(error, code, properties) {
  return Object.assign(error, { code }, properties)
}

// "options.cwd" is a property, "pid" an argument, as in Node's own messages.
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
      `${subject(name)} must be the name of a signal. Received ${inspect(value).slice(0, 128)}${didYouMean(nearest)}`,
    ),
    'ERR_INVALID_ARG_VALUE',
  )

// As process.setuid() and process.setgid() say it.
exports.unknownCredential = (kind, id) =>
  withCode(new Error(`${kind} identifier does not exist: ${id}`), 'ERR_UNKNOWN_CREDENTIAL')

exports.groupNeeded = (uid) =>
  withCode(
    new Error(`User ${uid} is not in the password database, so its group is not known: give 'group' too`),
    'ERR_UNKNOWN_CREDENTIAL',
  )

exports.illegalConstructor = () => withCode(new TypeError('Illegal constructor'), 'ERR_ILLEGAL_CONSTRUCTOR')

// ── procnative's own conditions ──

exports.platform = (platform) =>
  withCode(new Error(`procnative runs on Linux; this is ${platform}.`), 'ERR_PROCNATIVE_PLATFORM')

exports.NO_BINARY = 'ERR_PROCNATIVE_NO_BINARY'

const noBinary = (reason, cause) =>
  withCode(new Error(`procnative can't load its binary: ${reason}.`, cause && { cause }), exports.NO_BINARY)

exports.addonsDisabled = (by, cause) =>
  noBinary(
    by === 'permission'
      ? 'Node.js runs with its permission model. Add --allow-addons'
      : 'Node.js runs with --no-addons. Remove that option',
    cause,
  )

exports.noBinaryFor = (here, known) => noBinary(`there is none for ${here}, only for ${known.join(' and ')}`)

exports.noBinaryIn = (directory, name, cause) =>
  noBinary(
    `procnative.${name}.node is missing, and no package @procnative/binding-${name} is installed. ` +
      `Install procnative with its optional dependencies, or \`npm run build\` in ${directory} builds it with cargo`,
    cause,
  )

exports.noBinaryInBundle = (name, cause) =>
  noBinary(
    `this bundle comes without procnative.${name}.node. Mark procnative as external, or name a copy of that file in ` +
      'PROCNATIVE_BINARY. See docs/guides/bundlers.md of procnative',
    cause,
  )

exports.binaryForAnother = (file, its, here, cause) =>
  noBinary(`${file} is for ${its}, and this Node.js is for ${here}`, cause)

exports.binaryOfVersion = (from, found, version) =>
  noBinary(`${from} is from procnative ${found ?? '(no version)'}, but the JavaScript is from procnative ${version}`)

exports.binaryUnloadable = (directory, cause) => {
  const [reason] = cause.message.split('\n')
  const cure = directory ? `. \`npm run build\` in ${directory} builds it with cargo` : ''
  return noBinary(`${reason}${cure}`, cause)
}

exports.binaryPath = (value) => noBinary(`PROCNATIVE_BINARY must be an absolute path. Received ${inspect(value)}`)

exports.runtime = (what, runtime) =>
  withCode(new Error(`${what} needs Node.js; this is ${runtime}`), 'ERR_PROCNATIVE_RUNTIME')

exports.workerThread = (what) =>
  withCode(
    new Error(
      `${what} can be called on the main thread only, and this is a worker thread. In a test runner, use processes: ` +
        "ava with workerThreads: false, vitest with pool: 'forks'",
    ),
    'ERR_PROCNATIVE_WORKER_THREAD',
  )

exports.clusterWorker = () =>
  withCode(
    new Error('A cluster worker belongs to its primary: call daemonize() in the primary, before it forks'),
    'ERR_PROCNATIVE_CLUSTER_WORKER',
  )

exports.stdinScript = () =>
  withCode(
    new Error('A script that was read from standard input cannot be run again as a daemon: put it into a file'),
    'ERR_PROCNATIVE_STDIN_SCRIPT',
  )

exports.repl = () => withCode(new Error('The REPL cannot be run again as a daemon'), 'ERR_PROCNATIVE_REPL')

exports.initProcess = () =>
  withCode(
    new Error(
      'PID 1 cannot end without taking its daemon with it: in a container, use daemonize({ foreground: true })',
    ),
    'ERR_PROCNATIVE_INIT_PROCESS',
  )

exports.testRunner = (runner) =>
  withCode(
    new Error(
      `daemonize() would end this test process (${runner}) with exit code 0, and hide failures: start the program as a process of its own, or use daemonize({ foreground: true })`,
    ),
    'ERR_PROCNATIVE_TEST_RUNNER',
  )

exports.alreadyDaemonized = () =>
  withCode(new Error('This process has called daemonize() before'), 'ERR_PROCNATIVE_ALREADY_DAEMONIZED')

exports.linkLost = () =>
  withCode(
    new Error('This process was started as a daemon, but the socket to its launcher is not there any more'),
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
exports.logsKept = ({ message }) => `procnative: reopenLogs() goes on in the old files: ${message}\n`

exports.stopTimeout = ({ pid, timeout, kill }) =>
  withCode(
    new Error(`Daemon ${pid} has not ended within ${timeout} ms${kill ? ', nor as long after SIGKILL' : ''}`),
    'ERR_PROCNATIVE_STOP_TIMEOUT',
    { pid, timeout },
  )

exports.holderUnknown = (pidFile) =>
  withCode(
    new Error(`The pid file ${pidFile} is locked, but the process that it names can't be shown to be its daemon`),
    'ERR_PROCNATIVE_HOLDER_UNKNOWN',
  )

exports.unixServer = (name, path) =>
  withCode(
    new TypeError(
      `${subject(name)} would remove ${path} when it is closed here: listen with listenUnix() and \`{ fd }\` instead`,
    ),
    'ERR_PROCNATIVE_UNIX_SERVER',
  )

exports.childOwned = (pid) => {
  const what =
    pid > 0
      ? `Process ${pid} may belong to child_process, which waits for it itself. Use wait(${pid}, { observe: true })`
      : 'A child among these may belong to child_process, which waits for it itself. Name a single child'
  return withCode(new Error(`${what}, or { force: true } to reap it anyway`), 'ERR_PROCNATIVE_CHILD_OWNED', { pid })
}

exports.processClosed = () => withCode(new Error('The Process is closed'), 'ERR_PROCNATIVE_PROCESS_CLOSED')

exports.handleClosed = () => withCode(new Error('The Handle is closed or was taken'), 'ERR_PROCNATIVE_HANDLE_CLOSED')

exports.notAdoptable = (kind) =>
  withCode(
    new TypeError(
      `Node.js has nothing that a descriptor of kind '${kind}' could become: ${ADVICE[kind] ?? ANY_ADVICE}`,
    ),
    'ERR_PROCNATIVE_NOT_ADOPTABLE',
  )

const ADVICE = {
  __proto__: null,
  file: 'use its fd with node:fs',
  directory: "use its fd with node:fs, as a path below '/proc/self/fd'",
  'character-device': 'use its fd with node:fs',
  'block-device': 'use its fd with node:fs',
  'unix-dgram': 'use its fd with sendFds() and recvFds()',
  'unix-seqpacket': 'use its fd with sendFds() and recvFds()',
}
const ANY_ADVICE = 'take() its fd for a native addon, or hand it on'

exports.handleCollected = (fd, kind) =>
  withCode(
    new Error(`Descriptor ${fd} (${kind}) was closed when its Handle was collected: adopt(), take() or close() it`),
    'PROCNATIVE_HANDLE_COLLECTED',
    { name: 'Warning' },
  )

exports.handleLost = (fd) =>
  withCode(
    new Error(
      `Descriptor ${fd} of a Handle that was collected was closed by its number before: take() the descriptor instead`,
    ),
    'PROCNATIVE_HANDLE_LOST',
    { name: 'Warning' },
  )

exports.channelClosed = () => withCode(new Error('The Channel is closed'), 'ERR_PROCNATIVE_CHANNEL_CLOSED')

exports.notAuthorized = (value) =>
  withCode(
    new TypeError(`Expected boolean to be returned from the "authorize" function. ${received(value)}`),
    'ERR_INVALID_RETURN_VALUE',
  )

// ── what a peer does wrong ──

const peerFault = (message, code) => (cause) => withCode(new Error(message, cause && { cause }), code)

exports.messageTooLong = peerFault(
  "The peer has announced a message longer than 'maxMessageLength'",
  'ERR_PROCNATIVE_MESSAGE_TOO_LONG',
)
exports.textTooLong = peerFault(
  `The peer has sent a message longer than a string can be (${constants.MAX_STRING_LENGTH} UTF-16 units)`,
  'ERR_PROCNATIVE_MESSAGE_TOO_LONG',
)
exports.tooManyHandles = peerFault(
  "The peer has sent more handles than 'maxHandles' with a message",
  'ERR_PROCNATIVE_TOO_MANY_HANDLES',
)
exports.handlesMissing = peerFault(
  'The peer has sent fewer handles than it has announced',
  'ERR_PROCNATIVE_HANDLES_MISSING',
)
exports.handlesSurplus = peerFault(
  'The peer has sent more handles than it has announced',
  'ERR_PROCNATIVE_HANDLES_SURPLUS',
)
exports.messageCut = peerFault('The peer is gone in the middle of a message', 'ERR_PROCNATIVE_MESSAGE_CUT')
exports.messageInvalid = peerFault(
  "The peer has sent what is no message of the channel's serialization",
  'ERR_PROCNATIVE_MESSAGE_INVALID',
)
// Not the peer's fault, though.
exports.handlesLost = peerFault(
  'Handles were lost, since this process has as many descriptors open as it may (EMFILE)',
  'ERR_PROCNATIVE_HANDLES_LOST',
)

// The output goes into the message, so that it is seen, and not a second time below it.
function startFailure(code, what, { stderr, cause }, properties) {
  const said = stderr === '' ? '' : `. It wrote:\n${stderr.trimEnd()}`
  const error = withCode(new Error(what + said, cause && { cause }), code, properties)
  return Object.defineProperty(error, 'stderr', { __proto__: null, value: stderr, configurable: true, writable: true })
}

// What a daemon has to do to be ready.
const READINESS = {
  auto: 'the main script has not come to its end, or has not called daemonize()',
  manual: 'ready() was not called',
  notify: 'it has not said READY=1',
}

// Why a daemon that ended with 0 was not ready, by its `ready` option.
const ENDED = {
  auto: 'process.exit() was called before the main script had ended, or daemonize() was not called',
  manual: 'ready() was never called',
  notify: 'it never sent READY=1',
}

const LISTENS_TWICE =
  'the launcher itself listens, and holds the address: call daemonize() before listen(), because the program runs again in the daemon'

exports.daemonExited = ({ exitCode, signal, ready, isAddressTaken, ...told }) => {
  const known = exitCode === null ? 'ended' : `ended with exit code ${exitCode}`
  const how = signal === null ? known : `was killed by ${signal}`
  const why = isAddressTaken ? LISTENS_TWICE : exitCode === 0 && ENDED[ready]
  const what = `The daemon ${how} before it was ready${why ? `: ${why}` : ''}`
  return startFailure('ERR_PROCNATIVE_DAEMON_EXITED', what, told, { exitCode, signal })
}

exports.daemonTimeout = ({ timeout, ready, killed, ...told }) => {
  const end = killed ? 'was killed' : 'may not be killed by this user'
  const what = `The daemon was not ready within ${timeout} ms (${READINESS[ready]}) and ${end}`
  return startFailure('ERR_PROCNATIVE_DAEMON_TIMEOUT', what, told, { timeout })
}
