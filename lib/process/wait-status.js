'use strict'

const { signalName } = require('../core/signal-name.js')

// Converts a status from the native half: replaces the number of the signal by its name.
function waitStatus({ pid, state, exitCode, signal, coreDumped, usage }) {
  return { pid, state, exitCode, signal: signal === null ? null : signalName(signal), coreDumped, usage }
}

module.exports = { waitStatus }
