'use strict'

// The native reactor of this thread, shared by all copies of this file, and the dispatch of its events.

const debug = require('./debug.js')
const native = require('./native.js')

const { READY_FIELDS } = native

let number

// Watches by token: `end(status)` of processes, `ready(receive, send)` of sockets. All copies of this file in the thread share
// the map, so that any copy can dispatch. The reactor keeps no copy alive, but an entry keeps the copy that made it.
let registered

// Number of waits, channels and servers of this copy that keep the event loop alive.
let holding = 0

// Read at load: a test runner may remove the globals of a copy while its channels are still open.
const { nextTick } = process

function open() {
  if (number === undefined) ({ number, registered } = native.openReactor(onReadable))
  return number
}

function onReadable() {
  const { ended, ready } = native.turn()
  if (debug.isOn) debug.log('turn: %d processes ended, %d sockets are ready', ended.length, ready.length / READY_FIELDS)
  for (const { token, status } of ended) {
    const watch = registered.get(token)
    registered.delete(token)
    watch?.end(status)
  }
  for (let at = 0; at < ready.length; at += READY_FIELDS) {
    try {
      registered.get(ready[at])?.ready(ready[at + 1] === 1, ready[at + 2] === 1)
    } catch (error) {
      // A listener has thrown. Dispatch the remaining events first: the native half does not report them again.
      nextTick(rethrow, error)
    }
  }
}

function rethrow(error) {
  throw error
}

function hold(change) {
  const after = holding + change
  // Call this first: a stack overflow here must leave both states unchanged. Call it for changes only: the native half counts
  // the copies.
  if (holding > 0 !== after > 0) native.keepAlive(after > 0)
  holding = after
}

const register = (token, one) => registered.set(token, one)
const forget = (token) => registered.delete(token)

module.exports = { forget, hold, open, register, rethrow }
