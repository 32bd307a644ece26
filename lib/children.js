'use strict'

// The children of child_process, which are the runtime's to reap. Kept from the moment procnative is loaded, in each
// thread for its own.

const diagnostics = require('node:diagnostics_channel')
const { otherRuntime } = require('./start.js')

// They are told of before they are started, so that their pid is looked up later. Weakly: the runtime itself holds one
// for as long as that runs.
const started = new Set()
let limit = 64

diagnostics.subscribe('child_process', ({ process: child }) => {
  if (started.size >= limit) {
    owned()
    limit = Math.max(64, 2 * started.size)
  }
  started.add(new WeakRef(child))
})

// The pids of those that are there.
function owned() {
  const pids = []
  for (const reference of started) {
    const child = reference.deref()
    if (!child || hasEnded(child)) started.delete(reference)
    else if (child.pid !== undefined) pids.push(child.pid)
  }
  return pids
}

// It was reaped, or could not be started. Not by its events, which are its user's.
function hasEnded({ exitCode, signalCode, spawnfile, pid }) {
  return exitCode !== null || signalCode !== null || (spawnfile !== null && pid === undefined)
}

// Node tells of all its children; Bun and Deno do not.
const known = () => otherRuntime === undefined

module.exports = { owned, known }
