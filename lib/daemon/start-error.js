'use strict'

// Converts the outcome of a failed start (`StartOutcome` in binding.d.ts) into an error.

const debug = require('../core/debug.js')
const errors = require('../core/errors.js')
const { own } = require('../core/own-property.js')
const { signalName } = require('../core/signal-name.js')

// Returns the error of a failed start. `isListening`: this process listens on a port, which the daemon then can't bind.
function startError(outcome, { pidFile, readyTimeout: timeout, ready, isListening = false }) {
  // Each kind has properties of its own. Object.prototype may have the others.
  switch (outcome.kind) {
    case 'already-running':
      if (debug.isOn)
        debug.log('pid file %O: locked by %s, not ours', pidFile, outcome.pid ?? 'a process without a known pid')
      return errors.alreadyRunning({ pid: outcome.pid, pidFile })
    case 'late': {
      const { stderr, error, killed } = outcome
      return errors.daemonTimeout({ stderr, cause: reviveError(error), timeout, ready, killed })
    }
    default:
      return exitError(outcome, ready, isListening)
  }
}

function exitError({ exitCode, signal, error, stderr }, ready, isListening) {
  const cause = reviveError(error)
  // A daemon that fails before its own daemonize() reports the error on standard error only.
  const isAddressTaken = isListening && (cause?.code === 'EADDRINUSE' || stderr.includes('EADDRINUSE'))
  const how = { exitCode, signal: signal === null ? null : signalName(signal) }
  return errors.daemonExited({ stderr, cause, ready, isAddressTaken, ...how })
}

// Makes an error from the text that the daemon has sent. Trusts no property: the daemon may run as another user by
// then, and send any text.
function reviveError(text) {
  if (text === null) return undefined
  const sent = parseObject(text)
  const error = new Error(isUsable(sent, 'message') ? sent.message : undefined)
  for (const name of ['name', 'stack', 'code']) if (isUsable(sent, name)) error[name] = sent[name]
  return error
}

const isUsable = (sent, name) => ['string', 'number'].includes(typeof own(sent, name))

function parseObject(text) {
  try {
    return Object(JSON.parse(text))
  } catch {
    return { message: text }
  }
}

module.exports = { startError }
