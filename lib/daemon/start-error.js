'use strict'

// How a start went, as the native half tells it, made into what is thrown.

const errors = require('../core/errors.js')
const { own } = require('../core/own-property.js')
const { signalName } = require('../core/signal-name.js')

function failure(outcome, { pidFile, readyTimeout: timeout, ready, listens = false }) {
  const { exitCode, signal, killed, pid, stderr } = outcome
  if (outcome.alreadyRunning) return errors.alreadyRunning({ pid, pidFile })
  const told = { stderr, cause: cause(outcome.trouble) }
  if (outcome.late) return errors.daemonTimeout({ ...told, timeout, ready, killed })
  // A daemon that fails before its own daemonize() reports the error on standard error only.
  const isAddressTaken = listens && (told.cause?.code === 'EADDRINUSE' || stderr.includes('EADDRINUSE'))
  const ended = { exitCode, signal: signal === null ? null : signalName(signal) }
  return errors.daemonExited({ ...told, ready, isAddressTaken, ...ended })
}

// The error that ended the daemon, made anew from what it told of it: by then it may be somebody else's, who tells anything.
function cause(trouble) {
  if (trouble === null) return undefined
  const told = asObject(trouble)
  const error = new Error(isTold(told, 'message') ? told.message : undefined)
  for (const name of ['name', 'stack', 'code']) if (isTold(told, name)) error[name] = told[name]
  return error
}

const isTold = (told, name) => ['string', 'number'].includes(typeof own(told, name))

function asObject(text) {
  try {
    return Object(JSON.parse(text))
  } catch {
    return { message: text }
  }
}

module.exports = { failure }
