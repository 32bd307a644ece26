'use strict'

// The native half. Throws an error with the reason and the cure if the binary can't be loaded.

const { variable } = require('./own-property.js')
const { inThisRealm } = require('./realm.js')
const { otherRuntime } = require('./process-start.js')

// Loaded lazily: only errors and machines other than x64 need these.
const errors = () => require('./errors.js')
const loadBinary = (carried) => require('./load-binary.js').loadBinary(carried)

if (process.platform !== 'linux') throw errors().platform(process.platform)

function load() {
  // PROCNATIVE_BINARY must win even if the carried binary exists.
  if (variable('PROCNATIVE_BINARY') || process.arch !== 'x64') return loadBinary()
  try {
    // The binary that this package carries. Its path is spelled out so that bundlers find it.
    return require('../../procnative.linux-x64-gnu.node')
  } catch (error) {
    return loadBinary(error)
  }
}

module.exports = inThisRealm(load())

if (!otherRuntime) module.exports.useLibuv()
