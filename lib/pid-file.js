'use strict'

// The daemon of a pid file: whether it runs, how it is stopped, and, where this process is it, its file.

const path = require('node:path')
const errors = require('./errors.js')
const native = require('./native.js')
const validate = require('./validate.js')

const STOP_CHECKS = { signal: validate.signal, timeout: validate.milliseconds, kill: validate.boolean }

function daemonStatus(pidFile) {
  const { running, pid = null } = native.daemonStatus(validate.string(pidFile, 'pidFile'))
  return { running, pid }
}

async function stopDaemon(pidFile, options) {
  const file = path.resolve(validate.string(pidFile, 'pidFile'))
  const { SIGTERM } = require('node:os').constants.signals
  const { signal = SIGTERM, timeout = 10_000, kill = true } = validate.options(options, 'options', STOP_CHECKS)
  const { pid, killed, late, unknown } = await native.stopDaemon(file, signal, timeout, kill)
  if (unknown) throw errors.holderUnknown(file)
  if (late) throw errors.stopTimeout({ pid, timeout, kill })
  return pid === undefined ? null : { pid, killed }
}

// Locks a file for this process. A predecessor that hands it over names this process in it when that is ready.
function lock(file) {
  const { file: own, pid = null } = native.lockPidFile(file)
  if (!own) throw errors.alreadyRunning({ pid, pidFile: file })
  return held(own)
}

// The lock that this daemon has inherited from its launcher.
const inherit = (descriptor, file) => held(native.inheritPidFile(descriptor, file))

function held(own) {
  const release = () => native.releasePidFile(own)
  process.on('exit', atExit)
  function atExit() {
    try {
      release()
    } catch (error) {
      // Nobody is left to catch it.
      process.stderr.write(`procnative: the pid file could not be removed: ${error.message}\n`)
    }
  }
  return {
    write: () => native.writePidFile(own),
    release() {
      process.off('exit', atExit)
      release()
    },
  }
}

module.exports = { daemonStatus, inherit, lock, stopDaemon }
