'use strict'

// Single messages with descriptors: socketpair(), sendFds(), recvFds().

const { isUint8Array } = require('node:util/types')
const errors = require('../core/errors.js')
const native = require('../core/native.js')
const { ALONE, requireStack } = require('../core/stack.js')
const { unshared } = require('../core/unshared.js')
const validate = require('../core/validate.js')
const { Handle, makeHandle, makeHandles, numberOf } = require('../descriptor/handle.js')
const { listToSend } = require('../descriptor/descriptors-to-send.js')

// The kernel's limit for one message (SCM_MAX_FD, unix(7)).
const MAX_FDS = 253
const RECEIVE_CHECKS = { maxLength: validate.positiveInteger, maxFds: validate.nonNegativeInteger }
const checkType = validate.oneOf('stream', 'seqpacket', 'dgram')

function socketpair(type = 'stream') {
  checkType(type, 'type')
  requireStack(ALONE)
  return native.socketpair(type).map((fd) => makeHandle(fd))
}

function sendFds(socket, data, fds = []) {
  const to = socketOf(socket)
  if (!isUint8Array(data)) throw errors.invalidArgType('data', 'an instance of Uint8Array', data)
  if (!Array.isArray(fds)) throw errors.invalidArgType('fds', 'an array', fds)
  const descriptors = listToSend(fds, 'fds')
  // The kernel would drop the descriptors without an error.
  if (data.length === 0 && descriptors.length > 0 && native.kindOf(to) === 'unix-socket') {
    throw errors.invalidArgValue('data', 'must not be empty if descriptors are sent on a stream', data)
  }
  return native.sendFds(to, unshared(data), descriptors)
}

function recvFds(socket, options) {
  const from = socketOf(socket)
  const { maxLength = 65_536, maxFds = MAX_FDS } = validate.options(options, 'options', RECEIVE_CHECKS)
  requireStack(ALONE)
  const received = native.recvFds(from, maxLength, maxFds)
  if (received === null) return null
  const { data, fds, truncated, credentials } = received
  return { data, handles: makeHandles(fds), truncated, credentials }
}

function socketOf(socket) {
  if (typeof socket === 'number') return validate.descriptor(socket, 'socket')
  if (socket instanceof Handle) return numberOf(socket)
  throw errors.invalidArgType('socket', 'a descriptor or a Handle', socket)
}

module.exports = { recvFds, sendFds, socketpair }
