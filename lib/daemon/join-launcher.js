'use strict'

// The daemon's side of a launch. Loads nothing that only a launcher needs.

const { inspect } = require('node:util')
const debug = require('../core/debug.js')
const native = require('../core/native.js')
const { isError } = require('../core/realm.js')
const start = require('../core/process-start.js')

// Makes this process the daemon that its launcher has described. Returns undefined if no launcher has started this
// process.
function joinLauncher() {
  const marker = start.findLauncherMarker()
  if (!marker) return undefined
  const { descriptor, inode } = marker
  const joined = descriptor > 2 ? native.joinLauncher(descriptor, inode) : null
  // Throw instead of launching: each daemon whose link was closed would otherwise launch another daemon, without end.
  if (!joined) throw require('../core/errors.js').linkLost()
  return becomeDaemon({ __proto__: null, link: joined.link, next: descriptor + 1, ...JSON.parse(joined.settings) })
}

// The descriptors after the link: the pid file, if there is one, and then the kept descriptors.
function becomeDaemon({ link, next, cwd, execPath, isManaged, ready, pidFile, keeps, capturesStderr, logs, umask }) {
  const firstKept = pidFile === undefined ? next : next + 1
  if (pidFile !== undefined) require('./pid-file.js').inheritPidFile(next, pidFile)
  if (debug.isOn) debug.log('daemonize(): this process is the daemon, pid file %O', pidFile)
  const report = (error) => reportError(link, error)
  process.on('uncaughtExceptionMonitor', report)
  // The path of a replaced binary ends in " (deleted)", see proc_pid_exe(5). No program can be run by such a path.
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
      process.off('uncaughtExceptionMonitor', report)
    },
    reopen: () => require('./reopen-logs.js').reopenLogs(logs, umask),
  }
}

// Sends the launcher an error that is about to end this process. A program can throw any value, so reading the value
// can throw. The program must end by its own error, not by an error of this function.
function reportError(link, error) {
  try {
    const { name, message, stack, code } = isError(error) ? error : { message: inspect(error) }
    const text = { name: clip(name), message: clip(message), stack: clip(stack ?? message) }
    if (typeof code === 'number') text.code = code
    if (typeof code === 'string') text.code = clip(code)
    native.sendErrorToLauncher(link, JSON.stringify(text))
  } catch {
    // The launcher still sees the end of this process, and its standard error.
  }
}

// Shortens a value, so that the error fits into one message even if JSON escapes each character. A value that is not a
// string may have any size, or contain itself.
function clip(value) {
  if (value === undefined) return undefined
  return (typeof value === 'string' ? value : inspect(value)).slice(0, 2048)
}

module.exports = { joinLauncher }
