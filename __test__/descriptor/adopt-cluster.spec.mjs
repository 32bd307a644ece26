// H8: adopt() in a cluster worker, where listen() and bind() would ask the primary about its own descriptors.

import assert from 'node:assert/strict'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, runScript } from '../helpers/run.mjs'

const NODE = needs('Node.js', isNode)

for (const kind of ['tcp-server', 'unix-server', 'udp']) {
  for (const there of ['nothing', 'something else']) {
    const title = `a cluster worker adopts a ${kind} whose number is ${there} in the primary, which is not asked`
    test(title, { contract: 'H8', ...NODE }, async () => {
      const { code, stdout, stderr } = await runScript(fixture('descriptor/adopt-cluster.mjs'), [kind, there])
      assert.deepEqual([code, stderr], [0, ''])
      assert.deepEqual(reports(stdout), [{ kind, answer: 'the worker', asked: [], others: 0 }])
    })
  }
}
