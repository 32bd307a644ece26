'use strict'

// daemonize({ foreground: true }): for a process under a service manager.

const fs = require('node:fs')
const { resolveCredentials } = require('../process/resolve-credentials.js')
const debug = require('../core/debug.js')
const native = require('../core/native.js')
const { descriptorOf } = require('../descriptor/sendable.js')
const start = require('../core/process-start.js')
const systemd = require('./systemd.js')

// Makes this process the daemon: does everything except for the fork, the session and the redirection. After an error,
// the process is what it was before.
function stayInForeground({ cwd, umask, user, group, pidFile, keep, ready }) {
  if (debug.isOn) debug.log('daemonize(): this process stays in the foreground, pid file %O', pidFile)
  const before = start.findCurrentDirectory()
  const credentials = resolveCredentials(user, group)
  const descriptors = keep.map((value, index) => descriptorOf(value, `options.keep[${index}]`))
  const lock = pidFile === undefined ? undefined : require('./pid-file.js').lockPidFile(pidFile)
  const kept = []
  const undo = [
    () => lock?.release(),
    () => {
      for (const descriptor of kept) fs.closeSync(descriptor)
    },
  ]
  try {
    for (const descriptor of descriptors) kept.push(native.duplicate(descriptor))
    process.chdir(cwd)
    if (before !== undefined) undo.push(() => process.chdir(before))
    if (credentials) native.takeOn(credentials)
  } catch (error) {
    for (const undoStep of undo.reverse()) attempt(undoStep)
    throw error
  }
  process.umask(umask)
  return {
    ready,
    foreground: true,
    pidFile,
    kept,
    release() {
      // A predecessor that reads READY=1 writes the pid of this process into the pid file.
      if (!systemd.sendReady()) lock?.write(process.pid)
    },
    // The service manager owns the log files.
    reopen: () => null,
  }
}

// Ignores an error of undoing: the caller gets the error that made undoing necessary.
function attempt(undoStep) {
  try {
    undoStep()
  } catch {
    // For example, this process may no longer have the right to enter the directory that it came from.
  }
}

module.exports = { stayInForeground }
