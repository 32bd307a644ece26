'use strict'

// Children that this process was given as PID 1 or as a subreaper. Which those are, nobody tells: they are what is left
// when the runtime has had time to reap its own. It does so in the turn of the loop in which SIGCHLD comes.

const children = require('./children.js')
const errors = require('./errors.js')
const { handleOf } = require('./handle.js')
const native = require('./native.js')
const { otherRuntime } = require('./start.js')
const validate = require('./validate.js')
const { waitStatus } = require('./wait-status.js')

// Milliseconds that a zombie is left to others.
const PATIENCE = 20

const registrations = new Set()
const protectedPids = new Set()
// The kernel's list of children, while somebody listens.
let list
// Zombies that were there at the last look.
let seen = new Set()
let isLookPlanned = false

function reapOrphans(listener) {
  if (listener !== undefined) validate.callback(listener, 'listener')
  if (!native.isMainThread()) throw errors.workerThread('reapOrphans()')
  if (otherRuntime()) throw errors.runtime('reapOrphans()', otherRuntime())
  if (registrations.size === 0) start()
  const registration = { listener }
  registrations.add(registration)
  planLook()
  return {
    stop() {
      if (registrations.delete(registration) && registrations.size === 0) end()
    },
  }
}

function start() {
  list = handleOf(native.openChildren())
  process.on('SIGCHLD', planLook)
  process.on('worker', onWorker)
}

function end() {
  process.off('SIGCHLD', planLook)
  process.off('worker', onWorker)
  list.close()
  seen.clear()
}

// Zombies that a thread leaves are the main thread's from then on, and no SIGCHLD tells of that.
function onWorker(worker) {
  worker.once('exit', planLook)
}

// Two turns from now, the second of which has begun after whatever has woken this one.
function planLook() {
  if (isLookPlanned) return
  isLookPlanned = true
  setImmediate(() => setImmediate(look))
}

function look() {
  isLookPlanned = false
  if (registrations.size === 0) return
  const found = zombies()
  for (const pid of found) {
    if (!seen.has(pid)) continue
    reap(pid)
    found.delete(pid)
  }
  seen = found
  if (seen.size === 0) return
  isLookPlanned = true
  setTimeout(() => setImmediate(() => setImmediate(look)), PATIENCE).unref()
}

function zombies() {
  for (const pid of protectedPids) if (!isThere(pid)) protectedPids.delete(pid)
  const others = new Set([...children.owned(), ...protectedPids])
  return new Set(native.findZombies(list.fd).filter((pid) => !others.has(pid)))
}

function reap(pid) {
  const status = native.reapOrphan(pid)
  if (!status) return
  // One by one, so that one that throws does not keep the others from hearing.
  for (const { listener } of registrations) if (listener) process.nextTick(listener, waitStatus(status))
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
