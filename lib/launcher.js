'use strict'

// The process that starts a daemon, waits for it, and ends.

const path = require('node:path')
const again = require('./again.js')
const errors = require('./errors.js')
const { identity } = require('./identity.js')
const native = require('./native.js')
const { descriptorOf } = require('./sendable.js')
const start = require('./start.js')
const systemd = require('./systemd.js')

// Starts this program again as a daemon and ends this process with 0, or throws.
function launch(options) {
  if (process.pid === 1) throw errors.initProcess()
  // A cluster worker has a channel; only then is it worth loading cluster to ask.
  if (process.send !== undefined && require('node:cluster').isWorker) throw errors.clusterWorker()

  const orders = ordersFor(options)
  const takeBackInspector = giveUpInspector()
  let pid
  try {
    const outcome = native.launch(orders)
    if (!outcome.ready) throw failure(outcome, options)
    pid = outcome.pid
  } catch (error) {
    takeBackInspector()
    throw error
  }
  systemd.introduce(pid)
  native.exitNow(0)
}

function ordersFor(options) {
  const listen = systemd.inheritedDescriptors()
  const keep = options.keep.map((value, index) => descriptorOf(value, `options.keep[${index}]`))
  const cwd = path.resolve(options.cwd)
  return {
    ...again.command(),
    ...environment(),
    cwd,
    umask: options.umask,
    identity: identity(options.user, options.group),
    stdout: output(options.stdout, 1),
    stderr: output(options.stderr, 2),
    listen,
    keep,
    timeout: waitsForDebugger() ? undefined : options.readyTimeout,
    settings: JSON.stringify({
      cwd,
      execPath: process.execPath,
      ready: options.ready,
      keeps: keep.length,
      capturesStderr: options.stderr === 'ignore',
    }),
  }
}

// process.env as it is now; what names this process is to name the daemon.
function environment() {
  const ownPid = systemd.PID_VARIABLES.filter((name) => process.env[name] === String(process.pid))
  // Undefined, as in child_process, is absent: process.env may have been replaced by a plain object.
  const given = Object.entries(process.env).filter(([, value]) => value !== undefined)
  const inherited = given.filter(([name]) => !ownPid.includes(name))
  return { environment: inherited.map(([name, value]) => `${name}=${value}`), ownPid }
}

// As the native half wants it: nothing for /dev/null, a descriptor, or an absolute path.
function output(wanted, inherited) {
  if (wanted === 'ignore') return undefined
  if (wanted === 'inherit') return inherited
  return typeof wanted === 'string' ? path.resolve(wanted) : wanted
}

function waitsForDebugger() {
  return [...start.execArgv, process.env.NODE_OPTIONS ?? ''].some((arg) => /--inspect-(brk|wait)\b/.test(arg))
}

// The daemon has the same --inspect, and the port must be free for it. Returns what takes it back.
function giveUpInspector() {
  const inspector = require('node:inspector')
  const url = inspector.url()
  if (url === undefined) return () => {}
  const { hostname, port } = new URL(url)
  inspector.close()
  return () => inspector.open(Number(port), hostname.replace(/^\[|\]$/g, ''))
}

function failure(outcome, options) {
  const told = { stderr: outcome.stderr, cause: cause(outcome.trouble) }
  const { readyTimeout: timeout, ready } = options
  if (outcome.late) return errors.daemonTimeout({ ...told, timeout, ready, killed: outcome.killed })
  const { exitCode = null, signal } = outcome
  return errors.daemonExited({ ...told, exitCode, signal: signal === undefined ? null : signalName(signal) })
}

// The error that ended the daemon, made anew from what it told of it.
function cause(trouble) {
  if (trouble === undefined) return undefined
  const { message, stack, ...rest } = JSON.parse(trouble)
  const error = Object.assign(new Error(message), rest)
  error.stack = stack
  return error
}

function signalName(number) {
  const { signals } = require('node:os').constants
  return Object.keys(signals).find((name) => signals[name] === number) ?? `signal ${number}`
}

module.exports = { launch }
