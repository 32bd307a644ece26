'use strict'

// The native half, or one sentence on why there is none.

const path = require('node:path')
const errors = require('./errors.js')

if (process.platform !== 'linux') throw errors.platform(process.platform)

try {
  module.exports = require('../binding.js')
} catch (error) {
  throw errors.noBinary(path.dirname(__dirname), error)
}
