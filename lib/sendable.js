'use strict'

// What can be handed to another process: anything that has a descriptor.

const errors = require('./errors.js')
const { Handle, numberOf } = require('./handle.js')
const { has } = require('./own.js')
const { otherRuntime } = require('./start.js')
const validate = require('./validate.js')

// A check: anything that has, or could have, a descriptor.
function sendable(value, name) {
  if (typeof value === 'number') return validate.descriptor(value, name)
  if (value instanceof Handle) return value
  if (typeof value === 'object' && value !== null && carrier(value) !== undefined) return value
  throw errors.invalidArgType(name, 'a descriptor, or a handle, server, socket or file that has one', value)
}

// The descriptor of something sendable: who owns it does not change.
function descriptorOf(value, name) {
  if (typeof value === 'number') return value
  if (value instanceof Handle) return numberOf(value)
  const fd = carrier(value).fd
  // Node's own objects have -1 when they are closed, or -EBADF.
  if (typeof fd === 'number' && !(fd < 0)) return validate.descriptor(fd, `${name}.fd`)
  throw errors.invalidArgValue(name, 'must be open: a server listens, a socket is bound or connected', value)
}

// A check: Node's own Unix servers remove their file when they are closed, also under whoever has them by then.
function outlives(value, name) {
  const path = otherRuntime ? whereBound(value) : value._pipeName
  if (typeof path === 'string' && !path.startsWith('\0')) throw errors.unixServer(name, path)
  return value
}

// As the other runtimes tell it.
const whereBound = (value) => (Object(value) === value && '_handle' in value ? value.address?.() : undefined)

// A check: nothing of a stream is still in JavaScript, where others would not find it.
function isUntouched(value, name) {
  if (value.encrypted === true) throw errors.invalidArgValue(name, 'must not be TLS, whose keys stay here', value)
  if (value.readableLength > 0) throw errors.invalidArgValue(name, 'must not have read what nobody has taken', value)
  if (value.writableLength > 0) throw errors.invalidArgValue(name, 'must have nothing left to write', value)
  return value
}

// What bears the `fd` of a value: the value itself (Handle, FileHandle), or the libuv handle inside Node's own
// servers and sockets, which is null before they are open and after they are closed.
function carrier(value) {
  if (has(value, 'fd')) return value
  if (has(value, 'addMembership')) return datagramState(value)?.handle ?? {}
  return has(value, '_handle') ? (value._handle ?? {}) : undefined
}

// dgram keeps its handle behind a symbol; its old `_handle` warns.
function datagramState(value) {
  const symbol = Object.getOwnPropertySymbols(value).find((one) => one.description === 'state symbol')
  return symbol && value[symbol]
}

module.exports = { datagramState, sendable, descriptorOf, isUntouched, outlives }
