'use strict'

// Pid files: the state of a daemon, stopping a daemon, and the pid files of this process.

const fs = require('node:fs')
const path = require('node:path')
const { callSite } = require('../core/call-site.js')
const debug = require('../core/debug.js')
const errors = require('../core/errors.js')
const { hasInode } = require('../descriptor/has-inode.js')
const native = require('../core/native.js')
const { own } = require('../core/own-property.js')
const { whilePending } = require('../core/async-resource.js')
const start = require('../core/process-start.js')
const validate = require('../core/validate.js')

const STOP_CHECKS = { signal: validate.signal, timeout: validate.milliseconds, kill: validate.boolean }

function daemonStatus(pidFile) {
  const { running, pid } = native.daemonStatus(validate.string(pidFile, 'pidFile'))
  if (debug.isOn) debug.log('pid file %O: %s', pidFile, running ? `locked by ${describePid(pid)}` : 'not locked')
  return { running, pid }
}

async function stopDaemon(pidFile, options) {
  const file = path.resolve(validate.string(pidFile, 'pidFile'))
  const { SIGTERM } = require('node:os').constants.signals
  const { signal = SIGTERM, timeout = 10_000, kill = true } = validate.options(options, 'options', STOP_CHECKS)
  const at = callSite()
  const stopping = whilePending('PROCNATIVESTOPDAEMON', native.stopDaemon(file, signal, timeout, kill))
  const outcome = await stopping.catch((error) => {
    throw at(error)
  })
  if (debug.isOn) debug.log('stopDaemon(): pid file %O, %O', file, outcome)
  // Each kind has properties of its own. Object.prototype may have the others.
  switch (outcome.kind) {
    case 'not-running':
      return null
    case 'gone':
      return { pid: outcome.pid, killed: outcome.killed }
    case 'late':
      throw at(errors.stopTimeout({ pid: outcome.pid, timeout, kill }))
    default:
      throw at(errors.holderUnknown(file))
  }
}

// Locks a pid file for this process. Throws if another daemon has locked it. A file that a predecessor has handed over
// names the predecessor until this process is ready.
function lockPidFile(file) {
  acceptHandedOver(file)
  const outcome = native.lockPidFile(file)
  const { kind } = outcome
  const pid = own(outcome, 'pid')
  if (debug.isOn) debug.log('pid file %O: %s', file, describeLock(kind, pid))
  if (kind === 'already-running') throw errors.alreadyRunning({ pid, pidFile: file })
  return {
    write: native.writePidFile,
    // A file that was handed over can't go back to the predecessor.
    release: () => kind === 'taken' && native.releasePidFile(),
  }
}

const describePid = (pid) => pid ?? 'a process without a known pid'

function describeLock(kind, pid) {
  switch (kind) {
    case 'taken':
      return 'locked now'
    case 'held':
      return 'already ours'
    default:
      return `locked by ${describePid(pid)}, not ours`
  }
}

// Takes over the lock that this daemon has inherited from its launcher.
function inheritPidFile(descriptor, file) {
  if (!native.inheritPidFile(descriptor, file)) throw errors.linkLost()
}

// Takes over the pid file that a predecessor has handed to this process. Does nothing if there is none, or if it is
// another file.
function acceptHandedOver(file) {
  const marker = start.findPidFileMarker()
  if (marker === undefined) return
  const { descriptor, inode } = marker
  const found = fs.statSync(file, { __proto__: null, throwIfNoEntry: false, bigint: true })
  const isSame = String(found?.ino) === inode && hasInode(descriptor, inode)
  if (debug.isOn)
    debug.log('pid file %O: %s by descriptor %d', file, isSame ? 'handed over' : 'not the one handed over', descriptor)
  if (isSame) native.acceptPidFile(descriptor, inode, file)
}

module.exports = { acceptHandedOver, daemonStatus, inheritPidFile, lockPidFile, stopDaemon }
