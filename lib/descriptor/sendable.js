'use strict'

// Values that can be sent to another process: all values that have a descriptor.

const net = require('node:net')
const errors = require('../core/errors.js')
const { findDatagramState } = require('./datagram-state.js')
const { Handle, numberOf } = require('./handle.js')
const { has, own } = require('../core/own-property.js')
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

// Returns the descriptor of one value to send, or the descriptors of a list.
function descriptorsToSend(value, name) {
  if (value === undefined) return undefined
  return Array.isArray(value) ? listToSend(value, name) : descriptorToSend(value, name)
}

function listToSend(list, name) {
  const fds = []
  for (let index = 0; index < list.length; index++) {
    const value = list[index]
    // A polluted Array.prototype can hold numbers and plain objects, but no Handle.
    fds.push(descriptorToSend(value instanceof Handle ? value : own(list, index), name, index))
  }
  // Only now: an array with holes can be longer than memory allows, but its first hole is refused above.
  return new Int32Array(fds)
}

// Returns the descriptor of a value that another process can use. `list`: its name in errors; `index`: its place in that list.
function descriptorToSend(value, list, index) {
  if (value instanceof Handle) return numberOf(value)
  if (value instanceof net.Server && value._pipeName === undefined && !otherRuntime) {
    // A short way for TCP servers, which programs send most often.
    const fd = value._handle?.fd
    if (fd >= 0) return fd
  }
  const name = index === undefined ? list : `${list}[${index}]`
  checkSendable(value, name)
  if (typeof value === 'object') {
    checkNoUnixServer(value, name)
    checkUntouched(value, name)
  }
  return descriptorOf(value, name)
}

module.exports = { checkNoUnixServer, checkSendable, checkUntouched, descriptorOf, descriptorsToSend, listToSend }
