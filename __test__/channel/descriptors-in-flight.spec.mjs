// Messages that the kernel refuses because too many descriptors are in flight (unix(7), ETOOMANYREFS). Slow readers are in
// backpressure.spec.mjs.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { program } from '../helpers/channels.mjs'
import { hasProgram, isRoot, needs, test } from '../helpers/harness.mjs'
import { limitedTo } from '../helpers/run.mjs'

const asAnother = needs('root, and setpriv', isRoot && hasProgram('setpriv'))

/** Returns a command prefix for a user without descriptors in flight, and a limit of `most` descriptors. */
function otherUser(most) {
  const user = 61_000 + (process.pid % 4000)
  return [...limitedTo(most), 'setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups']
}

test('Channel send(): rejects thousands of queued messages with ETOOMANYREFS', {
  contract: 'H2',
  ...asAnother,
}, async (t) => {
  // The kernel counts the descriptors in flight per user.
  const { code, said } = await program(t, 'channel/fill-in-flight.mjs', [8000], { prefix: otherUser(12_000) }).ended()
  assert.deepEqual([code, said], [0, [{ outcomes: { sent: 2, ETOOMANYREFS: 8000 } }]])
})

test('Channel send(): retries after ETOOMANYREFS, while each turn sends more', {
  contract: 'H2',
  ...asAnother,
}, async (t) => {
  const { code, said } = await program(t, 'channel/send-each-turn.mjs', [310], { prefix: otherUser(300) }).ended()
  assert.deepEqual([code, said], [0, [{ waited: true, come: true }]])
})
