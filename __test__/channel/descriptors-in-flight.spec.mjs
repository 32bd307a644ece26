// H2: what can't be sent for what others have in flight. Who waits for a slow reader is in channel-flow.spec.mjs.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { program } from '../helpers/channels.mjs'
import { hasProgram, isRoot, needs, test } from '../helpers/harness.mjs'
import { limitedTo } from '../helpers/run.mjs'

const asAnother = needs('root, and setpriv', isRoot && hasProgram('setpriv'))

/** As a user who has nothing in flight, and may have so much. */
function stranger(most) {
  const user = 61_000 + (process.pid % 4000)
  return [...limitedTo(most), 'setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups']
}

test('thousands that wait, and can’t be sent since others have too much in flight, are rejected, all of them', {
  contract: 'H2',
  ...asAnother,
}, async (t) => {
  // What is in flight is counted by users.
  const { code, said } = await program(t, 'channel/all-fail.mjs', [8000], { prefix: stranger(12_000) }).ended()
  assert.deepEqual([code, said], [0, [{ outcomes: { sent: 2, ETOOMANYREFS: 8000 } }]])
})

test('what waits for others to be received is tried again, also while more is sent in each turn', {
  contract: 'H2',
  ...asAnother,
}, async (t) => {
  const { code, said } = await program(t, 'channel/crowded-turns.mjs', [310], { prefix: stranger(300) }).ended()
  assert.deepEqual([code, said], [0, [{ waited: true, come: true }]])
})
