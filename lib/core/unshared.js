'use strict'

const { isSharedArrayBuffer } = require('node:util/types')

// Copies bytes, so that no other thread can change them while the native half reads them.
const unshared = (bytes) => (isSharedArrayBuffer(bytes.buffer) ? new Uint8Array(bytes) : bytes)

module.exports = { unshared }
