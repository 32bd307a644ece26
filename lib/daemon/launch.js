'use strict'

// The launcher: the process that starts a daemon, waits until it is ready, and ends.

const path = require('node:path')
const { rerunCommand } = require('./rerun-command.js')
const { encodeEnvironment, ownPidVariables } = require('../process/environment.js')
const debug = require('../core/debug.js')
const errors = require('../core/errors.js')
const { resolveCredentials } = require('../process/resolve-credentials.js')
const native = require('../core/native.js')
const { variable } = require('../core/own-property.js')
const { encodeStrings, resolveOutput } = require('../process/exec-options.js')
const { descriptorOf } = require('../descriptor/sendable.js')
const start = require('../core/process-start.js')
const systemd = require('./systemd.js')
const { detectTestRunner } = require('./detect-test-runner.js')

// Starts this program again as a daemon and ends this process with 0, or throws.
function launch(options) {
  if (process.pid === 1) throw errors.initProcess()
  // A cluster worker has a channel; only then is it worth loading cluster to ask.
  if (process.send !== undefined && require('node:cluster').isWorker) throw errors.clusterWorker()

  if (options.pidFile !== undefined) require('./pid-file.js').acceptHandedOver(options.pidFile)
  const launchOptions = toLaunchOptions(options)
  // Check the arguments first: a test may check that daemonize() refuses wrong arguments.
  const runner = detectTestRunner()
  if (runner !== undefined) throw errors.testRunner(runner)
  if (debug.isOn) debug.log('daemonize(): this process is the launcher, pid file %O', options.pidFile)
  const reopenInspector = closeInspector()
  let outcome
  try {
    outcome = native.launch(launchOptions)
    // Loaded lazily: only a failed start needs it.
    if (outcome.kind !== 'ready') {
      throw require('./start-error.js').startError(outcome, { ...options, isListening: isListening() })
    }
  } catch (error) {
    reopenInspector()
    throw error
  }
  systemd.warnOfManagerError(outcome)
  debug.spawned(outcome.pid, process.execPath, process.argv.slice(1))
  if (debug.isOn) debug.log('daemonize(): daemon %d is ready, its launcher ends', outcome.pid)
  // A predecessor that waits for READY=1 writes the pid of the daemon into the pid file. A service manager doesn't.
  const isPredecessor = variable(systemd.MANAGER_VARIABLE) !== undefined
  if (outcome.handedOver && !(outcome.introduced && isPredecessor)) native.writePidFile(outcome.pid)
  native.exitNow(0)
}

// Converts the options of daemonize() into the launch options of the native half.
function toLaunchOptions(options) {
  const listen = systemd.findInheritedDescriptors()
  const keep = options.keep.map((value, index) => descriptorOf(value, `options.keep[${index}]`))
  const cwd = path.resolve(options.cwd)
  const [stdout, stderr] = [resolveOutput(options.stdout, 1), resolveOutput(options.stderr, 2)]
  // An empty variable counts as absent.
  const manager = variable('NOTIFY_SOCKET') || undefined
  return {
    __proto__: null,
    ...rerunCommand(),
    ...buildDaemonEnvironment(),
    cwd,
    umask: options.umask,
    identity: resolveCredentials(options.user, options.group),
    stdout,
    stderr,
    pidFile: options.pidFile,
    listen,
    keep,
    timeout: waitsForDebugger() ? undefined : options.readyTimeout,
    manager,
    settings: JSON.stringify({
      cwd,
      isManaged: manager !== undefined,
      execPath: process.execPath,
      ready: options.ready,
      pidFile: options.pidFile,
      keeps: keep.length,
      logs: [stdout, stderr]
        .map((log, index) => ({ descriptor: index + 1, path: log }))
        .filter(({ path }) => typeof path === 'string'),
      umask: options.umask,
      capturesStderr: options.stderr === 'ignore',
    }),
  }
}

// Returns the environment of the daemon. The launcher may be a successor, which reports to its predecessor. The daemon
// reports to the service manager itself.
function buildDaemonEnvironment() {
  const { without, added } = systemd.getManagerVariables()
  const ownPid = ownPidVariables(process.env, systemd.PID_VARIABLES)
  return { environment: encodeEnvironment(process.env), without, ownPid, variables: encodeStrings(added) }
}

// Returns true if this process has bound a port, which its daemon then can't bind.
const isListening = () => process.getActiveResourcesInfo().some((name) => ['TCPServerWrap', 'UDPWrap'].includes(name))

const isStartedWith = (option) => [...start.execArgv, variable('NODE_OPTIONS') ?? ''].some((arg) => option.test(arg))

const waitsForDebugger = () => isStartedWith(/--inspect-(brk|wait)\b/)

// True if an option or the program may have opened the inspector. Checked first, because loading node:inspector takes
// longer than loading all modules of this file.
const mayHaveInspector = () => isStartedWith(/--inspect\b/) || process.moduleLoadList.includes('NativeModule inspector')

// Closes the inspector, because the daemon has the same --inspect and needs the port. Returns a function that opens the
// inspector again.
function closeInspector() {
  if (!mayHaveInspector()) return () => {}
  const inspector = require('node:inspector')
  const url = inspector.url()
  if (url === undefined) return () => {}
  const { hostname, port } = new URL(url)
  inspector.close()
  return () => inspector.open(Number(port), hostname.replace(/^\[|\]$/g, ''))
}

module.exports = { launch }
