'use strict'

// Connects to Unix sockets. A queue holds connections that wait until the server has accepted earlier ones.

const { callSite } = require('../core/call-site.js')
const native = require('../core/native.js')

// Retry interval in ms, doubled while the servers accept nothing. The kernel sends no event when a listening socket has room.
// A thread for each waiting connection would turn a burst of connections into a burst of threads.
const SHORTEST_PAUSE_MS = 1
const LONGEST_PAUSE_MS = 64

// Waiting connections by address, in the order of the calls.
const queues = new Map()
let pauseMs = SHORTEST_PAUSE_MS
let timer

// Returns a descriptor, or a promise of one. An `abort` of `signal` rejects the promise with the signal's reason.
function connectUnix(name, isAbstract, signal) {
  if (signal?.aborted) throw signal.reason
  const key = `${isAbstract ? '@' : ''}${name}`
  // A new call must not overtake waiting ones.
  return (queues.has(key) ? undefined : attempt(name, isAbstract)) ?? wait(key, { name, isAbstract, signal })
}

// Returns undefined if the connection would have to wait.
function attempt(name, isAbstract) {
  try {
    return native.connectUnix(name, isAbstract)[0]
  } catch (error) {
    if (error.code === 'EAGAIN') return undefined
    throw error
  }
}

function wait(key, { name, isAbstract, signal }) {
  const at = callSite()
  return new Promise((resolve, reject) => {
    const queue = queues.get(key) ?? { name, isAbstract, waiters: new Set() }
    const abort = () => {
      leave(key, queue, waiter)
      reject(signal.reason)
    }
    const waiter = {
      settle(settled, value) {
        signal?.removeEventListener('abort', abort)
        leave(key, queue, waiter)
        settled(value)
      },
      resolve,
      reject: (error) => reject(at(error)),
    }
    signal?.addEventListener('abort', abort, { __proto__: null, once: true })
    queue.waiters.add(waiter)
    queues.set(key, queue)
    timer ??= setTimeout(retry, pauseMs)
  })
}

function leave(key, queue, waiter) {
  queue.waiters.delete(waiter)
  if (queue.waiters.size === 0) queues.delete(key)
  if (queues.size > 0) return
  clearTimeout(timer)
  timer = undefined
  pauseMs = SHORTEST_PAUSE_MS
}

function retry() {
  timer = undefined
  let hasRoom = false
  for (const queue of [...queues.values()]) hasRoom = connectWaiters(queue) || hasRoom
  pauseMs = hasRoom ? SHORTEST_PAUSE_MS : Math.min(2 * pauseMs, LONGEST_PAUSE_MS)
  if (queues.size > 0) timer = setTimeout(retry, pauseMs)
}

// Returns true if at least one connection no longer waits.
function connectWaiters({ name, isAbstract, waiters }) {
  let hasRoom = false
  for (const waiter of waiters) {
    try {
      const fd = attempt(name, isAbstract)
      if (fd === undefined) break
      waiter.settle(waiter.resolve, fd)
    } catch (error) {
      waiter.settle(waiter.reject, error)
    }
    hasRoom = true
  }
  return hasRoom
}

module.exports = { connectUnix }
