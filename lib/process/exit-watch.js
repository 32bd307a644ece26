'use strict'

// Watches processes: waits for their ends, and sends them signals.

const debug = require('../core/debug.js')
const native = require('../core/native.js')
const reactor = require('../core/reactor.js')
const { Resource } = require('../core/async-resource.js')
const { ALONE, requireStack } = require('../core/stack.js')
const { waitStatus } = require('./wait-status.js')

// A process that the native half has open, and the waits for its end.
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
    for (const resolve of this.#waiters) resolve(waitStatus(status))
    this.#waiters.clear()
    // Report last: a reader of the event may end a wait or call unref(), which would count the waits again.
    if (debug.reportsExits()) debug.exited(waitStatus(status))
  }

  #endResource() {
    this.#resource?.emitDestroy()
    this.#resource = undefined
  }

  // Sets whether the pending waits keep the event loop alive.
  keepAlive(isHeld) {
    if (this.#isHeld === isHeld) return
    requireStack()
    this.#isHeld = isHeld
    reactor.hold(isHeld ? this.#waiters.size : -this.#waiters.size)
  }

  get hasEnded() {
    return this.#status !== undefined
  }

  // True until the process is reaped. Works without permission to send the process a signal.
  get hasItsNumber() {
    return native.hasItsNumber(reactor.open(), this.#token)
  }

  // Sends a signal. Returns false if the process is gone.
  signal(number) {
    return native.signalProcess(reactor.open(), this.#token, number)
  }

  // Ends the use of this watch: no new waits after this; pending waits still resolve.
  release() {
    if (this.#isReleased || this.hasEnded) return
    if (this.#waiters.size === 0) this.#forget()
    // Set this last: if the release fails, the caller can try again.
    this.#isReleased = true
  }

  #forget() {
    native.releaseProcess(reactor.open(), this.#token)
    reactor.forget(this.#token)
  }
}

// Opens a process. `reaps`: reap the process at its end, or only observe the end.
function watchProcess(pid, reaps) {
  requireStack(ALONE)
  return new Watch(native.openProcess(reactor.open(), pid, reaps))
}

// Starts a child. Returns its pid, its watch, and this process's ends of its pipes.
function spawnChild(launchOptions) {
  const { pid, token, pipes } = native.spawn(reactor.open(), launchOptions)
  return { pid, pipes, watch: new Watch(token) }
}

module.exports = { spawnChild, watchProcess }
