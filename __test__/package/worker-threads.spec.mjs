// Worker threads: calls that act on the whole process are refused.

import assert from 'node:assert/strict'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, runScript } from '../helpers/run.mjs'

test('worker threads: refuse calls that change the whole process', needs('Node.js', isNode), async () => {
  const { stdout, stderr } = await runScript(fixture('package/call-in-worker.mjs'))
  const [{ outcomes, changed }] = reports(stdout)
  for (const [label, outcome] of Object.entries(outcomes)) {
    assert.deepEqual(outcome, ['ERR_PROCNATIVE_WORKER_THREAD', true], `${label} ${stderr}`)
  }
  assert.equal(Object.keys(outcomes).length, 8)
  assert.equal(changed, false)
})
