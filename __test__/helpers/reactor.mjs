// How often something has woken this thread's reactor.

import { createRequire } from 'node:module'

const native = createRequire(import.meta.url)('../../lib/core/native.js')

/** Counts its turns, until the test is over: how many there were since. Only where modules can be changed, as in Node.js. */
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
