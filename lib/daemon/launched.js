'use strict'

// The process that a launcher has started: the daemon. What a launcher needs is not loaded here.

const { inspect } = require('node:util')
const debug = require('../core/debug.js')
const native = require('../core/native.js')
const { isError } = require('../core/realm.js')
const start = require('../core/process-start.js')

// What the launcher has left for this process; undefined in any other one.
function joinLauncher() {
  const mark = start.launcherMark()
  if (!mark) return undefined
  const { descriptor, inode } = mark
  const joined = descriptor > 2 ? native.joinLauncher(descriptor, inode) : null
  // To launch another daemon from a daemon whose link was closed would go on for ever.
  if (!joined) throw require('../core/errors.js').linkLost()
  return becomeDaemon({ __proto__: null, link: joined.link, next: descriptor + 1, ...JSON.parse(joined.settings) })
}

// What follows the link is the pid file, if there is one, and then what is kept.
function becomeDaemon({ link, next, cwd, execPath, isManaged, ready, pidFile, keeps, capturesStderr, logs, umask }) {
  const firstKept = pidFile === undefined ? next : next + 1
  if (pidFile !== undefined) require('./pid-file.js').inherit(next, pidFile)
  if (debug.isOn) debug.log('daemonize(): this process is the daemon, pid file %O', pidFile)
  const tell = (error) => tellLauncher(link, error)
  process.on('uncaughtExceptionMonitor', tell)
  // A binary that was replaced has a path that says so, and nothing can be run by that.
  process.execPath = execPath
  process.argv[0] = execPath
  process.chdir(cwd)
  return {
    ready,
    foreground: false,
    pidFile,
    kept: Array.from({ length: keeps }, (_, index) => firstKept + index),
    release() {
      if (capturesStderr) native.discardStderr()
      native.releaseLauncher(link, isManaged)
      process.off('uncaughtExceptionMonitor', tell)
    },
    reopen: () => require('./reopen-logs.js').reopenLogs(logs, umask),
  }
}

// Tells of an error that is on its way to end this process. Anything can be thrown, and whatever goes wrong here, the
// program is to end of its own error and not of ours.
function tellLauncher(link, error) {
  try {
    const { name, message, stack, code } = isError(error) ? error : { message: inspect(error) }
    const text = { name: clip(name), message: clip(message), stack: clip(stack ?? message) }
    if (typeof code === 'number') text.code = code
    if (typeof code === 'string') text.code = clip(code)
    native.tellLauncher(link, JSON.stringify(text))
  } catch {
    // The launcher still learns of the end, and of what was written to standard error.
  }
}

// So that all of it fits into one message, whatever has to be escaped. What is no string can be of any size, or a cycle.
function clip(value) {
  if (value === undefined) return undefined
  return (typeof value === 'string' ? value : inspect(value)).slice(0, 2048)
}

module.exports = { joinLauncher }
