'use strict'

// What is put off to the end of the turn: when the code that runs now has returned, or the process ends.

const native = require('./native.js')

const waiting = []
const resolved = Promise.resolve()
let isLast = false

// Once, however many wait.
function atEnd(work) {
  // There is no turn any more.
  if (isLast) return work()
  waiting.push(work)
  if (waiting.length === 1) resolved.then(end)
}

function end() {
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
