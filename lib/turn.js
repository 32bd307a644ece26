'use strict'

// What is put off to the end of the turn: when the code that runs now has returned, or the process ends.

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
  for (const work of waiting.splice(0)) work()
}

process.on('exit', () => {
  isLast = true
  end()
})

module.exports = { atEnd }
