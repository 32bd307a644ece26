'use strict'

// Children that this process was given as PID 1 or as a subreaper. Which those are, nobody tells: they are what is left
// when the runtime has had time to reap its own. It does so in the turn of the loop in which SIGCHLD comes.

const children = require('./children.js')
const errors = require('./errors.js')
const native = require('./native.js')
const { otherRuntime } = require('./start.js')
const validate = require('./validate.js')
const { waitStatus } = require('./wait-status.js')

// Milliseconds that a zombie is left to others.
const PATIENCE = 20

const listeners = new Set()
const protectedPids = new Set()
// Zombies that were there at the last look.
let seen = []
let isLookPlanned = false

function reapOrphans(listener) {
  if (listener !== undefined) validate.callback(listener, 'listener')
  if (!native.isMainThread()) throw errors.workerThread('reapOrphans()')
  if (otherRuntime()) throw errors.runtime('reapOrphans()', otherRuntime())
  const registration = { listener }
  // Fails now, if it can.
  zombies()
  if (listeners.size === 0) process.on('SIGCHLD', planLook)
  listeners.add(registration)
  planLook()
  return {
    stop() {
      if (listeners.delete(registration) && listeners.size === 0) process.off('SIGCHLD', planLook)
    },
  }
}

// Two turns from now, the second of which has begun after whatever has woken this one.
function planLook() {
  if (isLookPlanned) return
  isLookPlanned = true
  setImmediate(() => setImmediate(look))
}

function look() {
  isLookPlanned = false
  if (listeners.size === 0) {
    seen = []
    return
  }
  const found = zombies()
  const ripe = found.filter((pid) => seen.includes(pid))
  for (const pid of ripe) reap(pid)
  seen = found.filter((pid) => !ripe.includes(pid))
  if (seen.length > 0) {
    isLookPlanned = true
    setTimeout(() => setImmediate(() => setImmediate(look)), PATIENCE).unref()
  }
}

function zombies() {
  for (const pid of protectedPids) if (!isThere(pid)) protectedPids.delete(pid)
  return native.findOrphans([...children.owned(), ...protectedPids])
}

function reap(pid) {
  const status = native.reapOrphan(pid)
  if (!status) return
  // One by one, so that one that throws does not keep the others from hearing.
  for (const { listener } of listeners) if (listener) process.nextTick(listener, waitStatus(status))
}

function isThere(pid) {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error.code !== 'ESRCH'
  }
}

function protect(pid) {
  validate.ownPid(pid, 'pid')
  if (!native.isMainThread()) throw errors.workerThread('protect()')
  protectedPids.add(pid)
}

module.exports = { protect, reapOrphans }
