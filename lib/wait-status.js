'use strict'

const { signalName } = require('./signals.js')

// A status as the native half tells it, which leaves out what there is not.
function waitStatus({ pid, state, exitCode = null, signal, coreDumped, usage = null }) {
  return { pid, state, exitCode, signal: signal === undefined ? null : signalName(signal), coreDumped, usage }
}

module.exports = { waitStatus }
