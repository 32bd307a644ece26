'use strict'

// Opens channels. A socket has one channel, however often a program asks for it.

const { isDeepStrictEqual } = require('node:util')
const { Channel, channelOf } = require('./channel.js')
const { connectUnix } = require('../socket/connect-unix.js')
const errors = require('../core/errors.js')
const { Handle } = require('../descriptor/handle.js')
const native = require('../core/native.js')
const { has } = require('../core/own-property.js')
const { whilePending } = require('../core/async-resource.js')
const { descriptorsToSend } = require('../descriptor/descriptors-to-send.js')
const { checkSendable, checkUntouched, descriptorOf } = require('../descriptor/sendable.js')
const { requireStack } = require('../core/stack.js')
const { addressOf } = require('../socket/listen-unix.js')
const validate = require('../core/validate.js')

const CHECKS = {
  serialization: validate.oneOf('json', 'advanced', 'raw'),
  maxMessageLength: validate.positiveInteger,
  maxHandles: validate.nonNegativeInteger,
}
const CONNECT_CHECKS = { ...CHECKS, signal: validate.abortSignal }
const DEFAULTS = { __proto__: null, serialization: 'json', maxMessageLength: 16 * 1024 * 1024, maxHandles: 1024 }

// Open channels: by descriptor, and by the object that the program passed.
const byNumber = new Map()
const byObject = new WeakMap()

function channel(socket, options) {
  requireStack()
  const wanted = options === undefined ? undefined : withDefaults(validate.options(options, 'options', CHECKS))
  const known = byObject.get(checkSendable(socket, 'socket'))
  if (known && !known.channel.closed) return sameAs(known, wanted)
  const fd = descriptorOf(socket, 'socket')
  // The descriptor has a channel already. The channel owns the descriptor, so a Handle must not close it.
  if (byNumber.has(fd)) {
    const same = sameAs(byNumber.get(fd), wanted)
    if (socket instanceof Handle) socket.take()
    return same
  }
  if (native.kindOf(fd) !== 'unix-socket') {
    throw errors.invalidArgValue('socket', 'must be a connected Unix stream socket', socket)
  }
  const made = isNetSocket(socket) ? fromNode(socket, fd, wanted) : remember(fd, wanted)
  // A child with a copy of the descriptor would keep the connection open, so the peer would never see the end.
  if (!isNetSocket(socket)) native.setCloseOnExec(fd, true)
  if (socket instanceof Handle) socket.take()
  if (typeof socket === 'object') byObject.set(socket, made)
  return made.channel
}

const isNetSocket = (socket) => typeof socket === 'object' && has(socket, '_handle')

// Opens a channel on a duplicate of a net.Socket's descriptor, and destroys the socket, so that libuv stops reading.
function fromNode(socket, fd, options) {
  if (checkUntouched(socket, 'socket').bytesRead > 0) {
    throw errors.invalidArgValue('socket', 'must not have read data yet', socket)
  }
  const made = rememberOwned(native.duplicate(fd), options)
  socket.destroy()
  return made
}

function sameAs({ channel, options }, wanted) {
  if (wanted === undefined || isDeepStrictEqual(options, wanted)) return channel
  throw errors.invalidArgValue('options', 'must equal the options of the open channel of this socket', wanted)
}

const withDefaults = (options) => ({ __proto__: null, ...DEFAULTS, ...options })

function remember(fd, options = DEFAULTS) {
  const made = { channel: channelOf(fd, options, () => byNumber.delete(fd)), options }
  byNumber.set(fd, made)
  return made
}

// Like remember(), for a descriptor that belongs to the channel from now on. Closes the descriptor on failure.
function rememberOwned(fd, options) {
  try {
    return remember(fd, options)
  } catch (error) {
    native.close(fd)
    throw error
  }
}

const open = (fd, options = {}) => rememberOwned(fd, withDefaults(options)).channel

async function connectChannel(path, options) {
  requireStack()
  const { name, isAbstract } = addressOf(path, 'path')
  const { signal, ...checked } = validate.options(options, 'options', CONNECT_CHECKS)
  const fd = await whilePending('PROCNATIVECONNECT', connectUnix(name, isAbstract, signal))
  return open(fd, checked)
}

// Not an async function: it must return the promise of send() itself, which is marked as handled if the peer is gone.
function sendHandle(to, message, handles, callback) {
  try {
    // Check the handles first, because asking for the channel changes the socket.
    descriptorsToSend(handles, 'handles')
    return channelTo(to).send(message, handles, callback)
  } catch (error) {
    return Promise.reject(error)
  }
}

function channelTo(to) {
  if (to instanceof Channel) return to
  if (typeof to === 'object' && to?.handles instanceof Channel) return to.handles
  if (typeof to === 'number' || (typeof to === 'object' && to !== null && has(to, '_handle'))) return channel(to)
  throw errors.invalidArgType('to', 'a Channel, a child of fork(), a socket, or the descriptor of a socket', to)
}

module.exports = { CHECKS, DEFAULTS, channel, connectChannel, open, sendHandle }
