// Worker threads: what acts on the whole process is refused there.

import assert from 'node:assert/strict'
import { isNode, needs, test } from './helpers/harness.mjs'
import { reports } from './helpers/report.mjs'
import { fixture, runScript } from './helpers/run.mjs'

test('worker threads: refuse what changes the whole process, and name the cure', needs('Node.js', isNode), async () => {
  const { stdout, stderr } = await runScript(fixture('worker-refusals.mjs'))
  const [{ outcomes, changed }] = reports(stdout)
  for (const [label, outcome] of Object.entries(outcomes)) {
    assert.deepEqual(outcome, ['ERR_PROCNATIVE_WORKER_THREAD', true], `${label} ${stderr}`)
  }
  assert.equal(Object.keys(outcomes).length, 8)
  assert.equal(changed, false)
})
