'use strict'

const fs = require('node:fs')
const path = require('node:path')
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
const pidFiles = () => require('./pid-file.js')
const afterMainScript = (callback) => require('./readiness.js').afterMainScript(callback)

const CHECKS = {
  cwd: validate.string,
  umask: validate.fileMode,
  stdout: validate.output,
  stderr: validate.output,
  pidFile: validate.string,
  user: validate.credential,
  group: validate.credential,
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
  #reopen

  constructor({ foreground, pidFile, kept, release, reopen }) {
    this.#release = release
    this.#reopen = reopen
    this.pid = process.pid
    this.sid = native.getsid(0)
    this.pidFile = pidFile ?? null
    this.foreground = foreground
    this.kept = kept
  }

  // Bound: it is a callback by nature.
  ready = () => {
    this.#release?.()
    // Only now: what has failed can be tried again.
    this.#release = undefined
  }

  // As a callback too: of a signal, for one.
  reopenLogs = () => {
    this.#reopen()
  }
}

let daemon

function daemonize(given) {
  const checked = validate.options(given, 'options', CHECKS)
  const options = { ...DEFAULTS, stderr: checked.stdout ?? DEFAULTS.stdout, ...checked }
  if (options.pidFile !== undefined) options.pidFile = path.resolve(options.pidFile)
  const runtime = start.otherRuntime
  if (runtime) throw errors.runtime('daemonize()', runtime)
  if (!native.isMainThread()) throw errors.workerThread('daemonize()')
  if (daemon) throw errors.alreadyDaemonized()

  const joined = joinLauncher()
  if (joined) return becomeDaemon(joined)
  if (options.foreground) return stayInForeground(options)
  return launch(options)
}

// The link to the launcher, if this process is the daemon: the marker is good for one process and for once.
function joinLauncher() {
  const mark = start.launcherMark()
  if (!mark) return null
  const { descriptor, inode } = mark
  const joined = descriptor > 2 ? native.joinLauncher(descriptor, inode) : null
  // To launch another daemon from a daemon whose link was closed would go on for ever.
  if (!joined) throw errors.linkLost()
  return { link: joined.link, next: descriptor + 1, ...JSON.parse(joined.settings) }
}

// What follows the link is the pid file, if there is one, and then what is kept.
function becomeDaemon({ link, next, cwd, execPath, ready, pidFile, keeps, capturesStderr, logs, umask }) {
  const firstKept = pidFile === undefined ? next : next + 1
  if (pidFile !== undefined) pidFiles().inherit(next, pidFile)
  const tell = (error) => tellLauncher(link, error)
  process.on('uncaughtExceptionMonitor', tell)
  // A binary that was replaced has a path that says so, and nothing can be run by that.
  process.execPath = execPath
  process.argv[0] = execPath
  process.chdir(cwd)
  return begin(ready, {
    foreground: false,
    pidFile,
    kept: Array.from({ length: keeps }, (_, index) => firstKept + index),
    release() {
      if (capturesStderr) native.discardStderr()
      native.releaseLauncher(link)
      process.off('uncaughtExceptionMonitor', tell)
    },
    reopen: () => native.reopenLogs(logs, umask),
  })
}

// Everything but the fork, the session and the redirection.
function stayInForeground({ cwd, umask, user, group, pidFile, keep, ready }) {
  const before = start.currentDirectory()
  const credentials = identity(user, group)
  const descriptors = keep.map((value, index) => descriptorOf(value, `options.keep[${index}]`))
  const lock = pidFile === undefined ? undefined : pidFiles().lock(pidFile)
  const kept = []
  try {
    for (const descriptor of descriptors) kept.push(native.duplicate(descriptor))
    process.chdir(cwd)
    if (credentials) native.takeOn(credentials)
  } catch (error) {
    if (before !== undefined) process.chdir(before)
    for (const descriptor of kept) fs.closeSync(descriptor)
    lock?.release()
    throw error
  }
  process.umask(umask)
  return begin(ready, {
    foreground: true,
    pidFile,
    kept,
    release() {
      // A predecessor that hears of it makes the pid file name this process.
      if (!systemd.ready()) lock?.write(process.pid)
    },
    reopen() {
      // What it writes to is its manager's.
    },
  })
}

function begin(ready, { kept, ...rest }) {
  daemon = new Daemon({ ...rest, kept: Object.freeze(kept.map((descriptor) => handleOf(descriptor))) })
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
