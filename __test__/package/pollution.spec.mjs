// Polluted prototypes: procnative takes no option, variable or value from Object.prototype.

import assert from 'node:assert/strict'
import { isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, runScript } from '../helpers/run.mjs'

test('all functions: take nothing from Object.prototype', needs('Node.js', isNode), async (context) => {
  const { stdout, stderr, code } = await runScript(fixture('package/call-with-traps.mjs'), [temporary(context)])
  assert.deepEqual([code, stderr], [0, ''])
  const [{ before, during, caught, uncalled, known }] = reports(stdout)
  assert.deepEqual(caught, [])
  for (const [name, answer] of Object.entries(before)) {
    const untimed = (text) => text.replaceAll(/-[01]\b/g, '')
    assert.equal(untimed(during[name]), untimed(answer), name)
  }
  assert.deepEqual(uncalled, [], 'fixtures/call-with-traps.mjs calls all that is exported')
  for (const option of ['authorize', 'mode', 'user', 'force', 'channel', 'identity']) assert.ok(known.includes(option))
})

test('connectChannel(), channel(): pass Node.js options that inherit nothing', needs('Node.js', isNode), async () => {
  const { stdout, stderr, code } = await runScript(fixture('package/connect-with-polluted-options.mjs'))
  assert.deepEqual([code, stderr], [0, ''])
  assert.deepEqual(reports(stdout), [{ last: 'aborted' }])
})
