'use strict'

// The native reactor of this thread, which all copies of this file share, and the dispatch of its events.

const native = require('./native.js')

let number

// By their tokens: `end(status)` of processes, `ready(receive, send)` of sockets. One map for all copies of this file in the
// thread, so that any copy can dispatch: the reactor keeps none of them alive, but an entry keeps the copy that it is of.
let registered

// How many waits, channels and servers of this copy keep the event loop alive.
let holding = 0

// Read now: a test runner may take the globals of a copy away while its channels are still open.
const { nextTick } = process

function open() {
  if (number === undefined) ({ number, registered } = native.openReactor(onReadable))
  return number
}

function onReadable() {
  const { ended, ready } = native.turn()
  for (const { token, status } of ended) {
    const watch = registered.get(token)
    registered.delete(token)
    watch?.end(status)
  }
  for (let at = 0; at < ready.length; at += 3) {
    try {
      registered.get(ready[at])?.ready(ready[at + 1] === 1, ready[at + 2] === 1)
    } catch (error) {
      // A listener's. The others are not told again.
      nextTick(rethrow, error)
    }
  }
}

function rethrow(error) {
  throw error
}

function hold(change) {
  const after = holding + change
  // First: a stack overflow here must leave both as they were.
  if (holding === 0 || after === 0) native.keepAlive(after > 0)
  holding = after
}

const register = (token, one) => registered.set(token, one)
const forget = (token) => registered.delete(token)

module.exports = { forget, hold, open, register, rethrow }
