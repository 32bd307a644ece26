'use strict'

const { isUint8Array } = require('node:util/types')
const errors = require('./errors.js')
const { Handle, handleOf, handlesOf, numberOf } = require('./handle.js')
const native = require('./native.js')
const { unshared } = require('./serialization.js')
const { ALONE, requireStack } = require('./stack.js')
const { listToSend } = require('./to-send.js')
const validate = require('./validate.js')

const MOST_FDS = 253
const RECEIVE_CHECKS = { maxLength: validate.count, maxFds: validate.amount }
const PAIRS = validate.oneOf('stream', 'seqpacket', 'dgram')

function socketpair(type = 'stream') {
  PAIRS(type, 'type')
  requireStack(ALONE)
  return native.socketpair(type).map((fd) => handleOf(fd))
}

function sendFds(socket, data, fds = []) {
  const to = socketOf(socket)
  if (!isUint8Array(data)) throw errors.invalidArgType('data', 'an instance of Uint8Array', data)
  if (!Array.isArray(fds)) throw errors.invalidArgType('fds', 'an array', fds)
  const descriptors = listToSend(fds, 'fds')
  // The kernel would drop them, and say nothing.
  if (data.length === 0 && descriptors.length > 0 && native.kindOf(to) === 'unix-socket') {
    throw errors.invalidArgValue('data', 'must not be empty, on a stream, if there are descriptors', data)
  }
  return native.sendFds(to, unshared(data), descriptors)
}

function recvFds(socket, options) {
  const from = socketOf(socket)
  const { maxLength = 65_536, maxFds = MOST_FDS } = validate.options(options, 'options', RECEIVE_CHECKS)
  requireStack(ALONE)
  const received = native.recvFds(from, maxLength, maxFds)
  if (received === null) return null
  const { data, fds, truncated, credentials } = received
  return { data, handles: handlesOf(fds), truncated, credentials }
}

function socketOf(socket) {
  if (typeof socket === 'number') return validate.descriptor(socket, 'socket')
  if (socket instanceof Handle) return numberOf(socket)
  throw errors.invalidArgType('socket', 'a descriptor or a Handle', socket)
}

const dup = (fd) => native.duplicate(validate.descriptor(fd, 'fd'))

const dup2 = (from, to) => native.dup2(validate.descriptor(from, 'from'), validate.descriptor(to, 'to'))

function setCloseOnExec(fd, enabled) {
  native.setCloseOnExec(validate.descriptor(fd, 'fd'), validate.boolean(enabled, 'enabled'))
}

const openFds = () => native.openFds()

module.exports = { dup, dup2, openFds, recvFds, sendFds, setCloseOnExec, socketpair }
