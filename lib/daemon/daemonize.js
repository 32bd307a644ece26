'use strict'

// daemonize(): which of the processes is this, and what a daemon can be asked for.

const { requireMainThread } = require('../core/main-thread.js')
const native = require('../core/native.js')
const { otherRuntime } = require('../core/process-start.js')

// Each is for one of the processes only, and the others need not wait for it.
const errors = () => require('../core/errors.js')
const joinLauncher = () => require('./launched.js').joinLauncher()
const daemonOptions = (given) => require('./options.js').daemonOptions(given)
const stayInForeground = (options) => require('./foreground.js').stayInForeground(options)
const launch = (options) => require('./launcher.js').launch(options)
const handleOf = (descriptor) => require('../descriptor/handle.js').handleOf(descriptor)
const afterMainScript = (callback) => require('./main-script-end.js').afterMainScript(callback)

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
  reopenLogs = () => this.#reopen()
}

let daemon

function daemonize(given) {
  // What a daemon gives was given by its launcher, and checked there.
  const joined = !daemon && native.isMainThread() ? joinLauncher() : undefined
  if (joined) return begin(joined)
  const options = daemonOptions(given)
  if (otherRuntime) throw errors().runtime('daemonize()', otherRuntime)
  requireMainThread('daemonize()')
  if (daemon) throw errors().alreadyDaemonized()
  return options.foreground ? begin(stayInForeground(options)) : launch(options)
}

function begin({ ready, kept, ...rest }) {
  daemon = new Daemon({ ...rest, kept: Object.freeze(kept.map(handleOf)) })
  if (ready === 'auto') afterMainScript(() => daemon.ready())
  return daemon
}

module.exports = { daemonize }
