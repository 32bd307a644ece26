'use strict'

// Processes whose end is waited for: one native reactor for this thread, opened when it is needed first.

const native = require('./native.js')
const { waitStatus } = require('./wait-status.js')

let reactor
const watches = new Map()

// How many waits keep the event loop alive.
let pending = 0

function open() {
  reactor ??= native.openReactor(onReadable)
  return reactor
}

function onReadable() {
  for (const { token, status } of native.turn(reactor)) {
    const watch = watches.get(token)
    watches.delete(token)
    watch?.end(status)
  }
}

function hold(change) {
  const before = pending
  pending += change
  if (before === 0 || pending === 0) native.keepAlive(reactor, pending > 0)
}

// A process, and who waits for it.
class Watch {
  #token
  #waiters = new Set()
  #isHeld = true
  #isReleased = false
  #status

  constructor(token) {
    this.#token = token
    watches.set(token, this)
  }

  wait(signal) {
    if (this.#status) return Promise.resolve(waitStatus(this.#status))
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#waiters.size === 0) native.watchProcess(reactor, this.#token)
    return signal ? this.#waitUntil(signal) : new Promise((resolve) => this.#add(resolve))
  }

  #waitUntil(signal) {
    let stop
    const ended = new Promise((resolve, reject) => {
      stop = () => {
        this.#remove(resolve)
        reject(signal.reason)
      }
      signal.addEventListener('abort', stop, { once: true })
      this.#add(resolve)
    })
    return ended.finally(() => signal.removeEventListener('abort', stop))
  }

  #add(waiter) {
    this.#waiters.add(waiter)
    if (this.#isHeld) hold(+1)
  }

  #remove(waiter) {
    if (!this.#waiters.delete(waiter)) return
    if (this.#isHeld) hold(-1)
    if (this.#waiters.size > 0) return
    native.unwatchProcess(reactor, this.#token)
    if (this.#isReleased) this.#forget()
  }

  end(status) {
    this.#status = status
    if (this.#isHeld) hold(-this.#waiters.size)
    for (const resolve of this.#waiters) resolve(waitStatus(status))
    this.#waiters.clear()
  }

  // Whether its waits keep the event loop alive.
  keepAlive(yes) {
    if (this.#isHeld === yes) return
    this.#isHeld = yes
    hold(yes ? this.#waiters.size : -this.#waiters.size)
  }

  get hasEnded() {
    return this.#status !== undefined
  }

  // False if it is gone.
  signal(number) {
    return native.signalProcess(reactor, this.#token, number)
  }

  // Nobody will ask any more; who waits already, still hears of the end.
  release() {
    if (this.#isReleased || this.hasEnded) return
    this.#isReleased = true
    if (this.#waiters.size === 0) this.#forget()
  }

  #forget() {
    watches.delete(this.#token)
    native.releaseProcess(reactor, this.#token)
  }
}

// Any process. `reaps`: whether its end is taken, or only looked at.
const watchProcess = (pid, reaps) => new Watch(native.openProcess(open(), pid, reaps))

// A new child, and the other ends of its pipes.
function spawn(orders) {
  const { pid, token, pipes } = native.spawn(open(), orders)
  return { pid, pipes, watch: new Watch(token) }
}

module.exports = { spawn, watchProcess }
