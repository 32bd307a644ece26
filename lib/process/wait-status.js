'use strict'

const { signalName } = require('../core/signal-name.js')

// Converts a status of the native half: names its signal.
function waitStatus({ pid, state, exitCode, signal, coreDumped, usage }) {
  return { pid, state, exitCode, signal: signal === null ? null : signalName(signal), coreDumped, usage }
}

module.exports = { waitStatus }
