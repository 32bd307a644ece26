// Handle adopt() in a cluster worker, where listen() and bind() of Node.js would ask the primary about its own descriptors.

import assert from 'node:assert/strict'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, runScript } from '../helpers/run.mjs'

const NODE = needs('Node.js', isNode)

for (const kind of ['tcp-server', 'unix-server', 'udp']) {
  for (const there of ['nothing', 'something else']) {
    test(`Handle adopt(): takes a ${kind} in cluster workers, primary has ${there}`, {
      contract: 'H8',
      ...NODE,
    }, async () => {
      const { code, stdout, stderr } = await runScript(fixture('descriptor/adopt-cluster.mjs'), [kind, there])
      assert.deepEqual([code, stderr], [0, ''])
      assert.deepEqual(reports(stdout), [{ kind, answer: 'the worker', asked: [], others: 0 }])
    })
  }
}
