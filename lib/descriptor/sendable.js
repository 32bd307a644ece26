'use strict'

// What can be handed to another process: anything that has a descriptor.

const net = require('node:net')
const errors = require('../core/errors.js')
const { datagramState } = require('./dgram-state.js')
const { Handle, numberOf } = require('./handle.js')
const { has, own } = require('../core/own-property.js')
const { otherRuntime } = require('../core/process-start.js')
const validate = require('../core/validate.js')

// A check: anything that has, or could have, a descriptor.
function checkSendable(value, name) {
  if (typeof value === 'number') return validate.descriptor(value, name)
  if (value instanceof Handle) return value
  if (typeof value === 'object' && value !== null && carrierOf(value) !== undefined) return value
  throw errors.invalidArgType(name, 'a descriptor, or a Handle, server, socket or file with a descriptor', value)
}

// The descriptor of something sendable: who owns it does not change.
function descriptorOf(value, name) {
  if (typeof value === 'number') return value
  if (value instanceof Handle) return numberOf(value)
  const fd = carrierOf(value).fd
  // Node's own objects have -1 when they are closed, or -EBADF.
  if (typeof fd === 'number' && !(fd < 0)) return validate.descriptor(fd, `${name}.fd`)
  throw errors.invalidArgValue(name, 'must be open: a listening server, or a bound or connected socket', value)
}

// A check: Node's own Unix servers remove their file when they are closed, also under whoever has them by then.
function checkNoUnixServer(value, name) {
  const path = otherRuntime ? boundAddress(value) : value._pipeName
  if (typeof path === 'string' && !path.startsWith('\0')) throw errors.unixServer(name, path)
  return value
}

// As the other runtimes tell it.
const boundAddress = (value) => (Object(value) === value && '_handle' in value ? value.address?.() : undefined)

// A check: nothing of a stream is still in JavaScript, where others would not find it.
function checkUntouched(value, name) {
  if (value.encrypted === true)
    throw errors.invalidArgValue(name, 'must not be a TLS socket because its keys stay in this process', value)
  if (value.readableLength > 0) throw errors.invalidArgValue(name, 'must not have unread data in its buffer', value)
  if (value.writableLength > 0) throw errors.invalidArgValue(name, 'must not have unsent data in its buffer', value)
  return value
}

// What bears the `fd` of a value: the value itself (Handle, FileHandle), or the libuv handle inside Node's own
// servers and sockets, which is null before they are open and after they are closed.
function carrierOf(value) {
  if (has(value, 'fd')) return value
  if (has(value, 'addMembership')) return datagramState(value)?.handle ?? {}
  return has(value, '_handle') ? (value._handle ?? {}) : undefined
}

// The descriptor of one thing to send, or those of several.
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
  // Only now: of holes there can be more than there is memory.
  return new Int32Array(fds)
}

// The descriptor of anything sendable, unless others could not go on with it. `index`: its place in a list of that name.
function descriptorToSend(value, list, index) {
  if (value instanceof Handle) return numberOf(value)
  if (value instanceof net.Server && value._pipeName === undefined && !otherRuntime) {
    // What is sent most often, in as few steps as can be.
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
