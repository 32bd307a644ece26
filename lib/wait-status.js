'use strict'

const { signalName } = require('./signals.js')

// A status of the native half's, with its signal by name.
function waitStatus({ pid, state, exitCode, signal, coreDumped, usage }) {
  return { pid, state, exitCode, signal: signal === null ? null : signalName(signal), coreDumped, usage }
}

module.exports = { waitStatus }
