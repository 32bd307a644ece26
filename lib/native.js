'use strict'

// The native half, or one sentence on why there is none.

const path = require('node:path')
const { otherRuntime } = require('./start.js')

// Loaded when there is something to say.
const errors = () => require('./errors.js')

if (process.platform !== 'linux') throw errors().platform(process.platform)

function load() {
  try {
    // What most machines need stands beside us. To try it takes half as long as to find out what this one needs.
    return require('../procnative.linux-x64-gnu.node')
  } catch {
    return require('../binding.js')
  }
}

try {
  // A copy: V8 is quicker to find a function in that than in what Node-API has put together one by one.
  module.exports = { ...load() }
} catch (error) {
  throw errors().noBinary(path.dirname(__dirname), error)
}

if (!otherRuntime) module.exports.useLibuv()
