'use strict'

// Values that can be sent to another process: all values that have a descriptor.

const errors = require('../core/errors.js')
const { findDatagramState } = require('./datagram-state.js')
const { Handle, numberOf } = require('./handle.js')
const { has } = require('../core/own-property.js')
const { otherRuntime } = require('../core/process-start.js')
const validate = require('../core/validate.js')

// Checks a value that has a descriptor, or has one while it is open.
function checkSendable(value, name) {
  if (typeof value === 'number') return validate.descriptor(value, name)
  if (value instanceof Handle) return value
  if (typeof value === 'object' && value !== null && carrierOf(value) !== undefined) return value
  throw errors.invalidArgType(name, 'a descriptor, or a Handle, server, socket or file with a descriptor', value)
}

// Returns the descriptor of a sendable value. The value still owns the descriptor.
function descriptorOf(value, name) {
  if (typeof value === 'number') return value
  if (value instanceof Handle) return numberOf(value)
  const fd = carrierOf(value).fd
  // Node's own objects have -1 or -EBADF after they are closed.
  if (typeof fd === 'number' && !(fd < 0)) return validate.descriptor(fd, `${name}.fd`)
  throw errors.invalidArgValue(name, 'must be open: a listening server, or a bound or connected socket', value)
}

// Refuses Node's own Unix servers: close() removes their file, even while another process serves the socket.
function checkNoUnixServer(value, name) {
  const path = otherRuntime ? boundAddress(value) : value._pipeName
  if (typeof path === 'string' && !path.startsWith('\0')) throw errors.unixServer(name, path)
  return value
}

// Returns the address in Bun and Deno, which have no `_pipeName`.
const boundAddress = (value) => (Object(value) === value && '_handle' in value ? value.address?.() : undefined)

// Checks that JavaScript holds no data of a stream, because the receiver would miss that data.
function checkUntouched(value, name) {
  if (value.encrypted === true)
    throw errors.invalidArgValue(name, 'must not be a TLS socket because its keys stay in this process', value)
  if (value.readableLength > 0) throw errors.invalidArgValue(name, 'must not have unread data in its buffer', value)
  if (value.writableLength > 0) throw errors.invalidArgValue(name, 'must not have unsent data in its buffer', value)
  return value
}

// Returns the object that has the `fd` of a value: the value itself (Handle, FileHandle), or the libuv handle inside a server or
// a socket of Node. That handle is null before the value is open and after it is closed.
function carrierOf(value) {
  if (has(value, 'fd')) return value
  if (has(value, 'addMembership')) return findDatagramState(value)?.handle ?? {}
  return has(value, '_handle') ? (value._handle ?? {}) : undefined
}

module.exports = { checkNoUnixServer, checkSendable, checkUntouched, descriptorOf }
