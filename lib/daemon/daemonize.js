'use strict'

// daemonize(): finds out whether this process is the launcher, the daemon or a foreground process, and returns a
// Daemon.

const { requireMainThread } = require('../core/main-thread.js')
const native = require('../core/native.js')
const { otherRuntime } = require('../core/process-start.js')

// Loaded lazily: the launcher, the daemon and a foreground process each need only some of these.
const errors = () => require('../core/errors.js')
const joinLauncher = () => require('./join-launcher.js').joinLauncher()
const checkDaemonOptions = (given) => require('./check-daemon-options.js').checkDaemonOptions(given)
const stayInForeground = (options) => require('./stay-in-foreground.js').stayInForeground(options)
const launch = (options) => require('./launch.js').launch(options)
const makeHandle = (descriptor) => require('../descriptor/handle.js').makeHandle(descriptor)
const afterMainScript = (callback) => require('./after-main-script.js').afterMainScript(callback)

// The object that daemonize() returns. A process has one at most.
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

  // Bound, because programs pass it as a callback.
  ready = () => {
    this.#release?.()
    // Clear this only after success, so that the program can call ready() again after an error.
    this.#release = undefined
  }

  // Bound, because programs pass it as the listener of a signal.
  reopenLogs = () => this.#reopen()
}

let daemon

function daemonize(given) {
  // A daemon ignores its arguments: its launcher has checked the same arguments and sent them as settings.
  const joined = !daemon && native.isMainThread() ? joinLauncher() : undefined
  if (joined) return begin(joined)
  const options = checkDaemonOptions(given)
  if (otherRuntime) throw errors().runtime('daemonize()', otherRuntime)
  requireMainThread('daemonize()')
  if (daemon) throw errors().alreadyDaemonized()
  return options.foreground ? begin(stayInForeground(options)) : launch(options)
}

function begin({ ready, kept, ...rest }) {
  daemon = new Daemon({ ...rest, kept: Object.freeze(kept.map(makeHandle)) })
  if (ready === 'auto') afterMainScript(() => daemon.ready())
  return daemon
}

module.exports = { daemonize }
