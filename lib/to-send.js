'use strict'

// What goes into a message.

const net = require('node:net')
const { Handle, numberOf } = require('./handle.js')
const { own } = require('./own.js')
const { descriptorOf, isUntouched, outlives, sendable } = require('./sendable.js')
const { otherRuntime } = require('./start.js')

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
  sendable(value, name)
  if (typeof value === 'object') {
    outlives(value, name)
    isUntouched(value, name)
  }
  return descriptorOf(value, name)
}

module.exports = { descriptorsToSend, listToSend }
