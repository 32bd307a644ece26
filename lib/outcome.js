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

// The error that ended the daemon, made anew from what it told of it: by then it may be somebody else's, who tells anything.
function cause(trouble) {
  if (trouble === undefined) return undefined
  const told = asObject(trouble)
  const known = TOLD.filter((property) => ['string', 'number'].includes(typeof told[property]))
  const { message, ...rest } = Object.fromEntries(known.map((property) => [property, told[property]]))
  return Object.assign(new Error(message), rest)
}

const TOLD = ['name', 'message', 'stack', 'code']

function asObject(text) {
  try {
    return Object(JSON.parse(text))
  } catch {
    return { message: text }
  }
}

module.exports = { failure }
