'use strict'

// How a start went, as the native half tells it, made into what is thrown.

const errors = require('./errors.js')
const { signalName } = require('./signals.js')

function failure(outcome, { pidFile, readyTimeout: timeout, ready }) {
  const { exitCode = null, signal, killed, pid = null, stderr } = outcome
  if (outcome.alreadyRunning) return errors.alreadyRunning({ pid, pidFile })
  const told = { stderr, cause: cause(outcome.trouble) }
  if (outcome.late) return errors.daemonTimeout({ ...told, timeout, ready, killed })
  return errors.daemonExited({ ...told, ready, exitCode, signal: signal === undefined ? null : signalName(signal) })
}

// The error that ended the daemon, made anew from what it told of it.
function cause(trouble) {
  if (trouble === undefined) return undefined
  const { message, stack, ...rest } = JSON.parse(trouble)
  const error = Object.assign(new Error(message), rest)
  error.stack = stack
  return error
}

module.exports = { failure }
