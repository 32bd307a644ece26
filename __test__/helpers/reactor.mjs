// Counts the wakeups of this thread's reactor.

import { createRequire } from 'node:module'

const native = createRequire(import.meta.url)('../../lib/core/native.js')

/** Counts the turns of the reactor until the end of the test. Returns a function for the count. Works in Node.js only. */
export function countedTurns(context) {
  const { turn } = native
  context.after(() => {
    native.turn = turn
  })
  let count = 0
  native.turn = (...args) => {
    count++
    return turn(...args)
  }
  return () => count
}
