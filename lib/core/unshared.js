'use strict'

const { isSharedArrayBuffer } = require('node:util/types')

// Returns the bytes, or a copy of shared bytes: another thread could change these while the native half reads them.
const unshared = (bytes) => (isSharedArrayBuffer(bytes.buffer) ? new Uint8Array(bytes) : bytes)

module.exports = { unshared }
