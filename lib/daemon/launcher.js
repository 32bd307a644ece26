'use strict'

// The process that starts a daemon, waits for it, and ends.

const path = require('node:path')
const again = require('./rerun-command.js')
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
const { testRunner } = require('./test-runner.js')

// Starts this program again as a daemon and ends this process with 0, or throws.
function launch(options) {
  if (process.pid === 1) throw errors.initProcess()
  // A cluster worker has a channel; only then is it worth loading cluster to ask.
  if (process.send !== undefined && require('node:cluster').isWorker) throw errors.clusterWorker()

  if (options.pidFile !== undefined) require('./pid-file.js').acceptHandedOver(options.pidFile)
  const orders = ordersFor(options)
  // Check the arguments first: a test may check that daemonize() refuses wrong arguments.
  const runner = testRunner()
  if (runner !== undefined) throw errors.testRunner(runner)
  if (debug.isOn) debug.log('daemonize(): this process is the launcher, pid file %O', options.pidFile)
  const takeBackInspector = giveUpInspector()
  let outcome
  try {
    outcome = native.launch(orders)
    // Loaded when there is something to say.
    if (!outcome.ready) throw require('./start-error.js').failure(outcome, { ...options, listens: listens() })
  } catch (error) {
    takeBackInspector()
    throw error
  }
  systemd.reportUnheard(outcome)
  debug.spawned(outcome.pid, process.execPath, process.argv.slice(1))
  if (debug.isOn) debug.log('daemonize(): daemon %d is ready, its launcher ends', outcome.pid)
  // A predecessor that waits for READY=1 makes the pid file name the daemon. A service manager doesn't.
  const isPredecessor = variable(systemd.MANAGER_VARIABLE) !== undefined
  if (outcome.handedOver && !(outcome.heard && isPredecessor)) native.writePidFile(outcome.pid)
  native.exitNow(0)
}

function ordersFor(options) {
  const listen = systemd.inheritedDescriptors()
  const keep = options.keep.map((value, index) => descriptorOf(value, `options.keep[${index}]`))
  const cwd = path.resolve(options.cwd)
  const [stdout, stderr] = [resolveOutput(options.stdout, 1), resolveOutput(options.stderr, 2)]
  // An empty variable counts as absent.
  const manager = variable('NOTIFY_SOCKET') || undefined
  return {
    __proto__: null,
    ...again.command(),
    ...environmentOfDaemon(),
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

// The launcher may be a successor, which reports to its predecessor. The daemon reports to the service manager itself.
function environmentOfDaemon() {
  const { without, added } = systemd.managerVariables()
  const ownPid = ownPidVariables(process.env, systemd.PID_VARIABLES)
  return { environment: encodeEnvironment(process.env), without, ownPid, variables: encodeStrings(added) }
}

// Returns true if this process has bound a port, which its daemon then can't bind.
const listens = () => process.getActiveResourcesInfo().some((name) => ['TCPServerWrap', 'UDPWrap'].includes(name))

const isStartedWith = (option) => [...start.execArgv, variable('NODE_OPTIONS') ?? ''].some((arg) => option.test(arg))

const waitsForDebugger = () => isStartedWith(/--inspect-(brk|wait)\b/)

// By an option, or because the program has opened it. Its module takes longer to load than all of this file's.
const mayHaveInspector = () => isStartedWith(/--inspect\b/) || process.moduleLoadList.includes('NativeModule inspector')

// The daemon has the same --inspect, and the port must be free for it. Returns what takes it back.
function giveUpInspector() {
  if (!mayHaveInspector()) return () => {}
  const inspector = require('node:inspector')
  const url = inspector.url()
  if (url === undefined) return () => {}
  const { hostname, port } = new URL(url)
  inspector.close()
  return () => inspector.open(Number(port), hostname.replace(/^\[|\]$/g, ''))
}

module.exports = { launch }
