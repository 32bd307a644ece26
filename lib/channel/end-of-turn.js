'use strict'

// Runs callbacks at the end of the current turn: in a microtask, or when the process exits.

const native = require('../core/native.js')

const waiting = []
const resolved = Promise.resolve()
let isPlanned = false
let isLast = false

// Plans a callback. Returns false in the last turn, whose end does not run callbacks. The order of the steps matters: a stack
// overflow must not leave a callback half planned.
function atEnd(work) {
  if (isLast) return false
  if (!isPlanned) resolved.then(end)
  isPlanned = true
  waiting.push(work)
  return true
}

function end() {
  isPlanned = false
  const failures = []
  for (const work of waiting.splice(0)) {
    try {
      work()
    } catch (error) {
      // Run the remaining callbacks, and throw afterwards.
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures.length === 1 ? failures[0] : new AggregateError(failures)
}

function endLast() {
  isLast = true
  end()
}

native.atExit(endLast)

// Exported to keep endLast() alive as long as this copy of the file: the native half holds it weakly.
module.exports = { atEnd, endLast }
