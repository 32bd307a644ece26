// Descriptors that calls leave open when the stack overflows.

import assert from 'node:assert/strict'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { fixture, runScript } from '../helpers/run.mjs'

for (const name of ['socketpair', 'recvFds', 'listenUnix']) {
  test(`${name}(): leaves no descriptor open at the end of the stack`, needs('Node.js', isNode), async () => {
    const { stdout, stderr, code } = await runScript(fixture('descriptor/stack-end.mjs'), [name])
    assert.equal(code, 0, stderr)
    const { threw, returned, lost } = JSON.parse(stdout)
    assert.ok(threw > 0 && returned > 0, stdout)
    assert.equal(lost, 0)
  })
}
