'use strict'

// Makes the Node.js object that fits a descriptor: a server, a socket, a stream or a terminal.

const dgram = require('node:dgram')
const net = require('node:net')
const tty = require('node:tty')
const errors = require('../core/errors.js')
const native = require('../core/native.js')
const { findDatagramState } = require('./datagram-state.js')
const { otherRuntime } = require('../core/process-start.js')

// CONNECT_STATE_CONNECTED of node:dgram.
const CONNECTED = 2

function adoptServer(fd) {
  const adopted = new net.Server()
  // The last step of listen({ fd }). In a cluster worker, listen() would ask the primary for the primary's descriptor `fd`.
  adopted._listen2(null, null, null, undefined, fd)
  return adopted
}

const adoptSocket = (fd) => new net.Socket({ __proto__: null, fd, readable: true, writable: true })

const adoptPipe = (fd) => new net.Socket({ __proto__: null, fd, ...native.waysOf(fd) })

function adoptUdp(fd) {
  const adopted = dgram.createSocket(native.isIpv6(fd) ? 'udp6' : 'udp4')
  // `exclusive` keeps a cluster worker from asking the primary. bind() takes the descriptor 0 for an absent one: pass a duplicate.
  adopted.bind({ __proto__: null, fd: fd === 0 ? native.duplicate(fd) : fd, exclusive: true })
  if (fd === 0) native.close(fd)
  const state = findDatagramState(adopted)
  if (state.handle.getpeername({}) === 0) state.connectState = CONNECTED
  return adopted
}

function adoptTerminal(fd) {
  const adopted = native.waysOf(fd).readable ? new tty.ReadStream(fd) : new tty.WriteStream(fd)
  // libuv opens the terminal again if possible, so that O_NONBLOCK affects only this stream. It doesn't close
  // the old descriptor then.
  if (adopted._handle.fd !== fd) native.close(fd)
  return adopted
}

const ADOPTERS = {
  'tcp-server': adoptServer,
  'unix-server': adoptServer,
  'tcp-socket': adoptSocket,
  'unix-socket': adoptSocket,
  pipe: adoptPipe,
  udp: adoptUdp,
  tty: adoptTerminal,
}

function adopt(fd) {
  if (otherRuntime) throw errors.runtime('adopt()', otherRuntime)
  const kind = native.kindOf(fd)
  if (!Object.hasOwn(ADOPTERS, kind)) throw errors.notAdoptable(kind)
  return ADOPTERS[kind](fd)
}

module.exports = { adopt }
