'use strict'

// What is put off to the end of the turn: when the code that runs now has returned, or the process ends.

const native = require('./native.js')

const waiting = []
const resolved = Promise.resolve()
let isPlanned = false
let isLast = false

// Returns false if this is the last turn: nothing comes after it. In this order, a stack overflow leaves nothing half planned.
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

// The native half holds endLast() weakly: by its export it lives as long as this copy of the file.
module.exports = { atEnd, endLast }
