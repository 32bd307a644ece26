'use strict'

// What Node.js has for a descriptor.

const dgram = require('node:dgram')
const net = require('node:net')
const tty = require('node:tty')
const errors = require('../core/errors.js')
const native = require('../core/native.js')
const { datagramState } = require('./dgram-state.js')
const { otherRuntime } = require('../core/process-start.js')

// CONNECT_STATE_CONNECTED of node:dgram.
const CONNECTED = 2

function server(fd) {
  const adopted = new net.Server()
  // What listen({ fd }) comes to, but in a cluster's worker that would ask the primary for a descriptor of that number.
  adopted._listen2(null, null, null, undefined, fd)
  return adopted
}

const socket = (fd) => new net.Socket({ __proto__: null, fd, readable: true, writable: true })

const pipe = (fd) => new net.Socket({ __proto__: null, fd, ...native.waysOf(fd) })

function udp(fd) {
  const adopted = dgram.createSocket(native.isIpv6(fd) ? 'udp6' : 'udp4')
  // Exclusive: without asking a cluster's primary. Of 0 it would think that it is none.
  adopted.bind({ __proto__: null, fd: fd === 0 ? native.duplicate(fd) : fd, exclusive: true })
  if (fd === 0) native.close(fd)
  const state = datagramState(adopted)
  if (state.handle.getpeername({}) === 0) state.connectState = CONNECTED
  return adopted
}

function terminal(fd) {
  const adopted = native.waysOf(fd).readable ? new tty.ReadStream(fd) : new tty.WriteStream(fd)
  // libuv opens the terminal anew, where it can, for the stream to be non-blocking for itself only.
  if (adopted._handle.fd !== fd) native.close(fd)
  return adopted
}

const ADOPTERS = {
  'tcp-server': server,
  'unix-server': server,
  'tcp-socket': socket,
  'unix-socket': socket,
  pipe,
  udp,
  tty: terminal,
}

function adopt(fd) {
  if (otherRuntime) throw errors.runtime('adopt()', otherRuntime)
  const kind = native.kindOf(fd)
  if (!Object.hasOwn(ADOPTERS, kind)) throw errors.notAdoptable(kind)
  return ADOPTERS[kind](fd)
}

module.exports = { adopt }
