'use strict'

// What is put off to the end of the turn: when the code that runs now has returned, or the process ends.

const native = require('../core/native.js')

const waiting = []
const resolved = Promise.resolve()
let isPlanned = false
let isLast = false

// Returns false if this is the last turn, which no other follows. The order matters: a stack overflow must not leave work
// half planned.
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
      // The others' is to be done all the same.
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
