'use strict'

// The native half. Throws one sentence where it can't be loaded.

const { variable } = require('./own.js')
const { inThisRealm } = require('./realm.js')
const { otherRuntime } = require('./start.js')

// Loaded lazily: only errors need these, and machines other than most.
const errors = () => require('./errors.js')
const loadBinary = (carried) => require('./binary.js').loadBinary(carried)

if (process.platform !== 'linux') throw errors().platform(process.platform)

function load() {
  // An application must be able to name another binary, also where this one is there.
  if (variable('PROCNATIVE_BINARY') || process.arch !== 'x64') return loadBinary()
  try {
    // The binary that this package carries. Bundlers find it because its name is spelled out.
    return require('../procnative.linux-x64-gnu.node')
  } catch (error) {
    return loadBinary(error)
  }
}

module.exports = inThisRealm(load())

if (!otherRuntime) module.exports.useLibuv()
