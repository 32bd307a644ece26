'use strict'

// What can be handed to another process: anything that has a descriptor.

const errors = require('./errors.js')
const validate = require('./validate.js')

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
  // Node's own objects have -1 when they are closed, or -EBADF.
  if (typeof fd === 'number' && !(fd < 0)) return validate.descriptor(fd, `${name}.fd`)
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

module.exports = { sendable, descriptorOf }
