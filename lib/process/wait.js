'use strict'

const debug = require('../core/debug.js')
const { runtimeChildren } = require('./runtime-children.js')
const errors = require('../core/errors.js')
const native = require('../core/native.js')
const { watchProcess } = require('./exit-watch.js')
const validate = require('../core/validate.js')
const { waitStatus } = require('./wait-status.js')

const { boolean } = validate
const WAITPID_CHECKS = { nohang: boolean, untraced: boolean, continued: boolean, nowait: boolean, force: boolean }
const WAIT_CHECKS = { observe: boolean, force: boolean, signal: validate.abortSignal }

function waitpid(pid, options) {
  validate.pidOrGroup(pid, 'pid')
  const flags = { nohang: false, untraced: false, continued: false, nowait: false }
  const { force = false, ...given } = validate.options(options, 'options', WAITPID_CHECKS)
  const answer = native.waitpid(pid, { ...flags, ...given }, force ? undefined : runtimeChildren())
  if (answer.owned !== null) throw errors.childOwned(answer.owned)
  if (!answer.status) return null
  const status = waitStatus(answer.status)
  if (status.state !== 'stopped' && status.state !== 'continued' && debug.reportsExits()) debug.exited(status)
  return status
}

async function wait(pid, options) {
  validate.positivePid(pid, 'pid')
  const { observe = false, force = false, signal } = validate.options(options, 'options', WAIT_CHECKS)
  if (signal?.aborted) throw signal.reason
  if (!observe && !force && native.isOwned(pid, runtimeChildren())) throw errors.childOwned(pid)
  const watch = watchProcess(pid, !observe)
  try {
    return await watch.wait(signal)
  } finally {
    watch.release()
  }
}

module.exports = { wait, waitpid }
