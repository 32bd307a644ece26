'use strict'

const fs = require('node:fs')
const { inspect } = require('node:util')
const errors = require('./errors.js')
const { handleOf } = require('./handle.js')
const { identity } = require('./identity.js')
const native = require('./native.js')
const { descriptorOf, sendable } = require('./sendable.js')
const systemd = require('./systemd.js')
const start = require('./start.js')
const validate = require('./validate.js')

// Each is for one of the two processes only, and the other need not wait for it.
const launch = (options) => require('./launcher.js').launch(options)
const afterMainScript = (callback) => require('./readiness.js').afterMainScript(callback)

const output = validate.numberOrString(validate.descriptor, validate.string)
const credential = validate.numberOrString(validate.credential, validate.string)

const CHECKS = {
  cwd: validate.string,
  umask: validate.fileMode,
  stdout: output,
  stderr: output,
  user: credential,
  group: credential,
  keep: validate.arrayOf(sendable),
  ready: validate.oneOf('auto', 'manual'),
  readyTimeout: validate.milliseconds,
  foreground: validate.boolean,
}

const DEFAULTS = {
  cwd: '/',
  umask: 0o022,
  stdout: 'ignore',
  keep: [],
  ready: 'auto',
  readyTimeout: 30_000,
  foreground: false,
}

// What daemonize() returns: there is one in a process at the most.
class Daemon {
  #release

  constructor({ foreground, kept, release }) {
    this.#release = release
    this.pid = process.pid
    this.sid = native.getsid(0)
    this.foreground = foreground
    this.kept = kept
  }

  // Bound: it is a callback by nature.
  ready = () => {
    this.#release?.()
    // Only now: what has failed can be tried again.
    this.#release = undefined
  }
}

let daemon

function daemonize(given) {
  const checked = validate.options(given, 'options', CHECKS)
  const options = { ...DEFAULTS, stderr: checked.stdout ?? DEFAULTS.stdout, ...checked }
  const runtime = start.otherRuntime()
  if (runtime) throw errors.runtime('daemonize()', runtime)
  if (!native.isMainThread()) throw errors.workerThread('daemonize()')
  if (daemon) throw errors.alreadyDaemonized()

  const joined = joinLauncher()
  if (joined) return becomeDaemon(joined)
  if (options.foreground) return stayInForeground(options)
  return launch(options)
}

// The link to the launcher, if this process is the daemon: the marker is good for one process and for once. What is
// kept follows the link.
function joinLauncher() {
  const [descriptor, inode, pid] = (start.launcherMarker() ?? '').split(':').map(Number)
  if (pid !== process.pid) return null
  const joined = descriptor > 2 ? native.joinLauncher(descriptor, inode) : null
  // To launch another daemon from a daemon whose link was closed would go on for ever.
  if (!joined) throw errors.linkLost()
  return { link: joined.link, firstKept: descriptor + 1, ...JSON.parse(joined.settings) }
}

function becomeDaemon({ link, firstKept, cwd, execPath, ready, keeps, capturesStderr }) {
  const tell = (error) => tellLauncher(link, error)
  process.on('uncaughtExceptionMonitor', tell)
  // A binary that was replaced has a path that says so, and nothing can be run by that.
  process.execPath = execPath
  process.argv[0] = execPath
  process.chdir(cwd)
  return begin(ready, {
    foreground: false,
    kept: Array.from({ length: keeps }, (_, index) => firstKept + index),
    release() {
      if (capturesStderr) native.discardStderr()
      native.releaseLauncher(link)
      process.off('uncaughtExceptionMonitor', tell)
    },
  })
}

// Everything but the fork, the session and the redirection.
function stayInForeground({ cwd, umask, user, group, keep, ready }) {
  const before = process.cwd()
  const credentials = identity(user, group)
  const descriptors = keep.map((value, index) => descriptorOf(value, `options.keep[${index}]`))
  const kept = []
  try {
    for (const descriptor of descriptors) kept.push(native.duplicate(descriptor))
    process.chdir(cwd)
    if (credentials) native.takeOn(credentials)
  } catch (error) {
    process.chdir(before)
    for (const descriptor of kept) fs.closeSync(descriptor)
    throw error
  }
  process.umask(umask)
  return begin(ready, { foreground: true, kept, release: systemd.ready })
}

function begin(ready, { foreground, kept, release }) {
  daemon = new Daemon({ foreground, kept: Object.freeze(kept.map(handleOf)), release })
  if (ready === 'auto') afterMainScript(() => daemon.ready())
  return daemon
}

// Tells of an error that is on its way to end this process. Anything can be thrown, and whatever goes wrong here, the
// program is to end of its own error and not of ours.
function tellLauncher(link, error) {
  try {
    const { name, message, stack, code } = error instanceof Error ? error : { message: inspect(error) }
    const text = { name: clip(name), message: clip(message), stack: clip(stack ?? message) }
    if (['string', 'number'].includes(typeof code)) text.code = clip(code)
    native.tellLauncher(link, JSON.stringify(text))
  } catch {
    // The launcher still learns of the end, and of what was written to standard error.
  }
}

// So that all of it fits into one message, whatever has to be escaped.
function clip(value) {
  return typeof value === 'string' ? value.slice(0, 2048) : value
}

module.exports = { daemonize }
