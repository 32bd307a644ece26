'use strict'

// What goes into a message.

const net = require('node:net')
const { Handle } = require('./handle.js')
const { descriptorOf, isUntouched, outlives, sendable } = require('./sendable.js')
const { otherRuntime } = require('./start.js')

// The descriptor of anything sendable, unless others could not go on with it. `index`: its place in a list of that name.
function descriptorToSend(value, list, index) {
  if (value instanceof Handle) return value.fd
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

module.exports = { descriptorToSend }
