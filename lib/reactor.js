'use strict'

// One native reactor for this thread, opened when it is needed first, and who is told of what happens there.

const native = require('./native.js')

let number

// By their tokens: `end(status)` of processes, `ready(receive, send)` of sockets.
const registered = new Map()

// How many of what waits keep the event loop alive.
let holding = 0

function open() {
  number ??= native.openReactor(onReadable)
  return number
}

function onReadable() {
  const { ended, ready } = native.turn(number)
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
      process.nextTick(rethrow, error)
    }
  }
}

function rethrow(error) {
  throw error
}

function hold(change) {
  const before = holding
  holding += change
  if (before === 0 || holding === 0) native.keepAlive(number, holding > 0)
}

const register = (token, one) => registered.set(token, one)
const forget = (token) => registered.delete(token)

module.exports = { forget, hold, open, register, rethrow }
