'use strict'

// The daemon of a pid file: whether it runs, how it is stopped, and, where this process is it, its file.

const fs = require('node:fs')
const path = require('node:path')
const { callSite } = require('../core/call-site.js')
const debug = require('../core/debug.js')
const errors = require('../core/errors.js')
const { hasInode } = require('../descriptor/has-inode.js')
const native = require('../core/native.js')
const { whilePending } = require('../core/async-resource.js')
const start = require('../core/process-start.js')
const validate = require('../core/validate.js')

const STOP_CHECKS = { signal: validate.signal, timeout: validate.milliseconds, kill: validate.boolean }

function daemonStatus(pidFile) {
  const { running, pid } = native.daemonStatus(validate.string(pidFile, 'pidFile'))
  if (debug.isOn)
    debug.log(
      'pid file %O: %s',
      pidFile,
      running ? `locked by ${pid ?? 'a process without a known pid'}` : 'not locked',
    )
  return { running, pid }
}

async function stopDaemon(pidFile, options) {
  const file = path.resolve(validate.string(pidFile, 'pidFile'))
  const { SIGTERM } = require('node:os').constants.signals
  const { signal = SIGTERM, timeout = 10_000, kill = true } = validate.options(options, 'options', STOP_CHECKS)
  const at = callSite()
  const stopped = whilePending('PROCNATIVESTOPDAEMON', native.stopDaemon(file, signal, timeout, kill))
  const { pid, killed, late, unknown } = await stopped.catch((error) => {
    throw at(error)
  })
  if (debug.isOn) debug.log('stopDaemon(): pid file %O, pid %O, killed %O, late %O', file, pid, killed, late)
  if (unknown) throw at(errors.holderUnknown(file))
  if (late) throw at(errors.stopTimeout({ pid, timeout, kill }))
  return pid === null ? null : { pid, killed }
}

// Locks a file for this process, which may have been handed it: then it names the predecessor until this one is ready.
function lock(file) {
  acceptHandedOver(file)
  const { taken, held, pid } = native.lockPidFile(file)
  if (debug.isOn)
    debug.log('pid file %O: %s', file, taken ? 'locked now' : held ? 'already ours' : `locked by ${pid}, not ours`)
  if (!taken && !held) throw errors.alreadyRunning({ pid, pidFile: file })
  return {
    write: native.writePidFile,
    // What was handed over goes back to nobody.
    release: () => taken && native.releasePidFile(),
  }
}

// The lock that this daemon has from its launcher.
function inherit(descriptor, file) {
  if (!native.inheritPidFile(descriptor, file)) throw errors.linkLost()
}

// Takes over the pid file that a predecessor has handed to this process, if it has and it is this one.
function acceptHandedOver(file) {
  const mark = start.pidFileMark()
  if (mark === undefined) return
  const { descriptor, inode } = mark
  const found = fs.statSync(file, { __proto__: null, throwIfNoEntry: false, bigint: true })
  const isSame = String(found?.ino) === inode && hasInode(descriptor, inode)
  if (debug.isOn)
    debug.log('pid file %O: %s by descriptor %d', file, isSame ? 'handed over' : 'not the one handed over', descriptor)
  if (isSame) native.acceptPidFile(descriptor, inode, file)
}

module.exports = { acceptHandedOver, daemonStatus, inherit, lock, stopDaemon }
