'use strict'

// The descriptors of the values in one message.

const net = require('node:net')
const { Handle, numberOf } = require('./handle.js')
const { checkNoUnixServer, checkSendable, checkUntouched, descriptorOf } = require('./sendable.js')
const { own } = require('../core/own-property.js')
const { otherRuntime } = require('../core/process-start.js')

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

module.exports = { descriptorsToSend, listToSend }
