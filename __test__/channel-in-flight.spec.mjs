// H2: what can't be sent for what others have in flight. Who waits for a slow reader is in channel-flow.spec.mjs.

import assert from 'node:assert/strict'
import { program } from './helpers/channels.mjs'
import { hasProgram, isRoot, needs, test } from './helpers/harness.mjs'
import { limitedTo } from './helpers/run.mjs'

const asAnother = needs('root, and setpriv', isRoot && hasProgram('setpriv'))

test(
  'H2: thousands that wait, and can’t be sent since others have too much in flight, are rejected, all of them',
  asAnother,
  async (t) => {
    // What is in flight is counted by users: this one has nothing else.
    const user = 61_000 + (process.pid % 4000)
    const prefix = [...limitedTo(12_000), 'setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups']
    const { code, said } = await program(t, 'channel-all-fail.mjs', [8000], { prefix }).ended()
    assert.deepEqual([code, said], [0, [{ outcomes: { sent: 2, ETOOMANYREFS: 8000 } }]])
  },
)
