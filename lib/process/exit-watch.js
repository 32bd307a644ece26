'use strict'

// Processes whose end is waited for.

const debug = require('../core/debug.js')
const native = require('../core/native.js')
const reactor = require('../core/reactor.js')
const { Resource } = require('../core/async-resource.js')
const { ALONE, requireStack } = require('../core/stack.js')
const { waitStatus } = require('./wait-status.js')

// A process, and who waits for it.
class Watch {
  #token
  #waiters = new Set()
  #isHeld = true
  #isReleased = false
  #resource
  #status

  constructor(token) {
    this.#token = token
    reactor.register(token, this)
  }

  wait(signal) {
    if (this.#status) return Promise.resolve(waitStatus(this.#status))
    if (signal?.aborted) return Promise.reject(signal.reason)
    requireStack()
    if (this.#waiters.size === 0) this.#begin()
    return signal ? this.#waitUntil(signal) : new Promise((resolve) => this.#add(resolve))
  }

  #begin() {
    native.watchProcess(reactor.open(), this.#token)
    this.#resource = new Resource('PROCNATIVEWAIT', () => this.#isHeld)
  }

  #waitUntil(signal) {
    let stop
    const ended = new Promise((resolve, reject) => {
      stop = () => {
        this.#remove(resolve)
        reject(signal.reason)
      }
      signal.addEventListener('abort', stop, { __proto__: null, once: true })
      this.#add(resolve)
    })
    return ended.finally(() => signal.removeEventListener('abort', stop))
  }

  #add(waiter) {
    this.#waiters.add(waiter)
    if (this.#isHeld) reactor.hold(+1)
  }

  #remove(waiter) {
    if (!this.#waiters.delete(waiter)) return
    if (this.#isHeld) reactor.hold(-1)
    if (this.#waiters.size > 0) return
    this.#endResource()
    native.unwatchProcess(reactor.open(), this.#token)
    if (this.#isReleased) this.#forget()
  }

  end(status) {
    this.#status = status
    this.#endResource()
    if (this.#isHeld) reactor.hold(-this.#waiters.size)
    if (debug.reportsExits()) debug.exited(waitStatus(status))
    for (const resolve of this.#waiters) resolve(waitStatus(status))
    this.#waiters.clear()
  }

  #endResource() {
    this.#resource?.emitDestroy()
    this.#resource = undefined
  }

  // Whether its waits keep the event loop alive.
  keepAlive(yes) {
    if (this.#isHeld === yes) return
    requireStack()
    this.#isHeld = yes
    reactor.hold(yes ? this.#waiters.size : -this.#waiters.size)
  }

  get hasEnded() {
    return this.#status !== undefined
  }

  // Also of a process that one may not send a signal to.
  get hasItsNumber() {
    return native.hasItsNumber(reactor.open(), this.#token)
  }

  // False if it is gone.
  signal(number) {
    return native.signalProcess(reactor.open(), this.#token, number)
  }

  // Nobody will ask any more; who waits already, still hears of the end.
  release() {
    if (this.#isReleased || this.hasEnded) return
    if (this.#waiters.size === 0) this.#forget()
    // Only now: what has failed can be tried again.
    this.#isReleased = true
  }

  #forget() {
    native.releaseProcess(reactor.open(), this.#token)
    reactor.forget(this.#token)
  }
}

// Any process. `reaps`: whether its end is taken, or only looked at.
function watchProcess(pid, reaps) {
  requireStack(ALONE)
  return new Watch(native.openProcess(reactor.open(), pid, reaps))
}

// A new child, and the other ends of its pipes.
function spawn(orders) {
  const { pid, token, pipes } = native.spawn(reactor.open(), orders)
  return { pid, pipes, watch: new Watch(token) }
}

module.exports = { spawn, watchProcess }
