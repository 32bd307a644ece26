'use strict'

// Reaps orphans: children that the kernel reparents to this process because the process is PID 1 or a subreaper. The kernel
// doesn't mark orphans. So a zombie counts as an orphan if the runtime had time to reap it, and did not. The runtime reaps its
// own children in the turn of the event loop in which SIGCHLD comes.

const debug = require('../core/debug.js')
const { runtimeChildren } = require('./runtime-children.js')
const errors = require('../core/errors.js')
const { makeHandle } = require('../descriptor/handle.js')
const { requireMainThread } = require('../core/main-thread.js')
const native = require('../core/native.js')
const { watchProcess } = require('./exit-watch.js')
const { otherRuntime } = require('../core/process-start.js')
const validate = require('../core/validate.js')
const { waitStatus } = require('./wait-status.js')

// How long the owner of a zombie may take to reap it, in ms.
const REAP_DELAY_MS = 20
// Interval between two scans in ms, while another thread has zombies. A thread that ends leaves its children to this thread.
// The kernel sends no SIGCHLD for that.
const SCAN_INTERVAL_MS = 1000

const registrations = new Set()
// Watches of protected processes by pid. The kernel may give the pid of a reaped process to another process.
const protectedWatches = new Map()
// Handle of the kernel's list of children, while reapOrphans() is in use.
let childrenList
// Zombies found by the last scan.
let seen = new Set()
let isScanPlanned = false
let scanTimer

function reapOrphans(listener) {
  if (listener !== undefined) validate.callback(listener, 'listener')
  requireNodeMainThread('reapOrphans()')
  if (registrations.size === 0) {
    childrenList = makeHandle(native.openChildren())
    process.on('SIGCHLD', planScan)
  }
  const registration = { listener }
  registrations.add(registration)
  planScan()
  return {
    stop() {
      if (!registrations.delete(registration) || registrations.size > 0) return
      process.off('SIGCHLD', planScan)
      clearTimeout(scanTimer)
      childrenList.close()
      seen.clear()
    },
  }
}

function protect(pid) {
  validate.positivePid(pid, 'pid')
  requireNodeMainThread('protect()')
  forgetReaped()
  if (!protectedWatches.has(pid)) protectedWatches.set(pid, watchProcess(pid, false))
}

function requireNodeMainThread(subject) {
  if (otherRuntime) throw errors.runtime(subject, otherRuntime)
  requireMainThread(subject)
}

// Plans a scan two turns ahead. The second turn begins after the event that woke the event loop for this turn.
function planScan() {
  if (isScanPlanned) return
  isScanPlanned = true
  setImmediate(() => setImmediate(scan))
}

function scan() {
  isScanPlanned = false
  if (registrations.size === 0) return
  const found = findUnknownZombies()
  for (const pid of found) {
    if (!seen.has(pid)) continue
    reap(pid)
    found.delete(pid)
  }
  seen = found
  clearTimeout(scanTimer)
  if (seen.size > 0) {
    isScanPlanned = true
    setTimeout(() => setImmediate(() => setImmediate(scan)), REAP_DELAY_MS).unref()
  } else if (native.hasZombies()) {
    scanTimer = setTimeout(planScan, SCAN_INTERVAL_MS).unref()
  }
}

// Returns the pids of zombies that are not children of child_process or of spawn(), and not protected.
function findUnknownZombies() {
  forgetReaped()
  const known = new Set(runtimeChildren().pids)
  return new Set(native.findZombies(childrenList.fd).filter((pid) => !known.has(pid) && !protectedWatches.has(pid)))
}

function forgetReaped() {
  for (const [pid, watch] of protectedWatches) {
    if (watch.hasItsNumber) continue
    watch.release()
    protectedWatches.delete(pid)
  }
}

function reap(pid) {
  const status = native.reapOrphan(pid)
  if (!status) return
  if (debug.isOn) debug.log('reapOrphans(): reaped process %d', pid)
  // Queue each call by itself, so that a listener that throws doesn't keep the next listener from its call.
  for (const { listener } of registrations) if (listener) process.nextTick(listener, waitStatus(status))
  // Queue the report last: a subscriber may call stop(), which would take the status from the listeners.
  if (debug.reportsExits()) process.nextTick(debug.exited, waitStatus(status))
}

module.exports = { protect, reapOrphans }
