// Channels used at the end of the stack.

import assert from 'node:assert/strict'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { fixture, runScript } from '../helpers/run.mjs'

const settings = needs('a stack whose end is an error: Node.js', isNode)

test('Channel: works after caught stack overflows in its methods', settings, async () => {
  const { code, stdout } = await runScript(fixture('channel/stack-end.mjs'))
  assert.deepEqual([code, stdout], [0, '{"done":true}\n'])
})
