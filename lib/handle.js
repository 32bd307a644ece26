'use strict'

const fs = require('node:fs')
const errors = require('./errors.js')
const validate = require('./validate.js')

// Known to this package only, so that nobody makes a Handle of a descriptor that is somebody else's.
const OWN = Symbol('owned descriptor')

// Owns a descriptor.
class Handle {
  #fd

  constructor(key, fd) {
    if (key !== OWN) throw errors.illegalConstructor()
    this.#fd = fd
  }

  get fd() {
    if (this.#fd === undefined) throw errors.handleClosed()
    return this.#fd
  }

  take() {
    const { fd } = this
    this.#fd = undefined
    return fd
  }

  close() {
    if (this.#fd !== undefined) fs.closeSync(this.take())
  }

  [Symbol.dispose]() {
    this.close()
  }
}

const handleOf = (fd) => new Handle(OWN, fd)

// A check: anything that has, or could have, a descriptor.
function sendable(value, name) {
  if (typeof value === 'number') return validate.descriptor(value, name)
  if (typeof value === 'object' && value !== null && carrier(value) !== undefined) return value
  throw errors.invalidArgType(name, 'a descriptor, or a handle, server, socket or file that has one', value)
}

// The descriptor of something sendable: who owns it does not change.
function descriptorOf(value, name) {
  if (typeof value === 'number') return value
  const fd = carrier(value).fd
  if (typeof fd === 'number' && fd >= 0) return fd
  throw errors.invalidArgValue(name, 'must be open: a server listens, a socket is bound or connected', value)
}

// What bears the `fd` of a value: the value itself (Handle, FileHandle), or the libuv handle inside Node's own
// servers and sockets, which is null before they are open and after they are closed.
function carrier(value) {
  if ('fd' in value) return value
  if ('_handle' in value && !isDatagram(value)) return value._handle ?? {}
  return datagramState(value)?.handle ?? (isDatagram(value) ? {} : undefined)
}

const isDatagram = (value) => datagramState(value) !== undefined

// dgram keeps its handle behind a symbol; its old `_handle` warns.
function datagramState(value) {
  const symbol = Object.getOwnPropertySymbols(value).find((one) => one.description === 'state symbol')
  return symbol && value[symbol]
}

module.exports = { Handle, handleOf, sendable, descriptorOf }
