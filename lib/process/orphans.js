'use strict'

// Children that this process was given as PID 1 or as a subreaper. Which those are, nobody tells: they are what is left
// when the runtime has had time to reap its own. It does so in the turn of the loop in which SIGCHLD comes.

const children = require('./runtime-children.js')
const debug = require('../core/debug.js')
const errors = require('../core/errors.js')
const { handleOf } = require('../descriptor/handle.js')
const { requireMainThread } = require('../core/main-thread.js')
const native = require('../core/native.js')
const { watchProcess } = require('./exit-watch.js')
const { otherRuntime } = require('../core/process-start.js')
const validate = require('../core/validate.js')
const { waitStatus } = require('./wait-status.js')

// Milliseconds that a zombie is left to others.
const PATIENCE = 20
// Milliseconds to the next look while there are zombies of others. A thread that ends leaves its own to this one, and no
// SIGCHLD tells of that.
const INTERVAL = 1000

const registrations = new Set()
// Processes by their pids, which may come to be others'.
const protectedOnes = new Map()
// The kernel's list of children, while somebody listens.
let list
// Zombies that were there at the last look.
let seen = new Set()
let isLookPlanned = false
let laterLook

function reapOrphans(listener) {
  if (listener !== undefined) validate.callback(listener, 'listener')
  requireNodeMainThread('reapOrphans()')
  if (registrations.size === 0) {
    list = handleOf(native.openChildren())
    process.on('SIGCHLD', planLook)
  }
  const registration = { listener }
  registrations.add(registration)
  planLook()
  return {
    stop() {
      if (!registrations.delete(registration) || registrations.size > 0) return
      process.off('SIGCHLD', planLook)
      clearTimeout(laterLook)
      list.close()
      seen.clear()
    },
  }
}

function protect(pid) {
  validate.ownPid(pid, 'pid')
  requireNodeMainThread('protect()')
  forgetWhatIsGone()
  if (!protectedOnes.has(pid)) protectedOnes.set(pid, watchProcess(pid, false))
}

function requireNodeMainThread(subject) {
  if (otherRuntime) throw errors.runtime(subject, otherRuntime)
  requireMainThread(subject)
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
  clearTimeout(laterLook)
  if (seen.size > 0) {
    isLookPlanned = true
    setTimeout(() => setImmediate(() => setImmediate(look)), PATIENCE).unref()
  } else if (native.hasZombies()) {
    laterLook = setTimeout(planLook, INTERVAL).unref()
  }
}

function zombies() {
  forgetWhatIsGone()
  const others = new Set(children.owned())
  return new Set(native.findZombies(list.fd).filter((pid) => !others.has(pid) && !protectedOnes.has(pid)))
}

function forgetWhatIsGone() {
  for (const [pid, watch] of protectedOnes) {
    if (watch.hasItsNumber) continue
    watch.release()
    protectedOnes.delete(pid)
  }
}

function reap(pid) {
  const status = native.reapOrphan(pid)
  if (!status) return
  if (debug.isOn) debug.log('reapOrphans(): reaped process %d', pid)
  if (debug.reportsExits()) debug.exited(waitStatus(status))
  // One by one, so that one that throws does not keep the others from hearing.
  for (const { listener } of registrations) if (listener) process.nextTick(listener, waitStatus(status))
}

module.exports = { protect, reapOrphans }
