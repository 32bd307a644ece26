'use strict'

// daemonize() under a service manager.

const fs = require('node:fs')
const { resolveCredentials } = require('../process/resolve-credentials.js')
const debug = require('../core/debug.js')
const native = require('../core/native.js')
const { descriptorOf } = require('../descriptor/sendable.js')
const start = require('../core/process-start.js')
const systemd = require('./systemd.js')

// Everything but the fork, the session and the redirection.
function stayInForeground({ cwd, umask, user, group, pidFile, keep, ready }) {
  if (debug.isOn) debug.log('daemonize(): this process stays in the foreground, pid file %O', pidFile)
  const before = start.currentDirectory()
  const credentials = resolveCredentials(user, group)
  const descriptors = keep.map((value, index) => descriptorOf(value, `options.keep[${index}]`))
  const lock = pidFile === undefined ? undefined : require('./pid-file.js').lock(pidFile)
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
    for (const step of undo.reverse()) attempt(step)
    throw error
  }
  process.umask(umask)
  return {
    ready,
    foreground: true,
    pidFile,
    kept,
    release() {
      // A predecessor that hears of it makes the pid file name this process.
      if (!systemd.ready()) lock?.write(process.pid)
    },
    // The service manager owns the files of the output.
    reopen: () => null,
  }
}

// What is told of is why the rest was undone.
function attempt(step) {
  try {
    step()
  } catch {
    // The directory that it was called in may not be entered again.
  }
}

module.exports = { stayInForeground }
