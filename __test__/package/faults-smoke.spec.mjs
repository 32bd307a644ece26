// npm run test:faults: one quick scenario in which each system call fails once (hardening/faults/).

import assert from 'node:assert/strict'
import { hasProgram, isNode, needs, test } from '../helpers/harness.mjs'
import { root, runScript } from '../helpers/run.mjs'

test('faults: each failed system call is an error and leaves nothing', {
  // The shim knows system calls without a function by their numbers on x64.
  contract: 'E1',
  ...needs('Node.js, x64 and a C compiler, cc', isNode && process.arch === 'x64' && hasProgram('cc')),
}, async () => {
  const { code, stdout, stderr } = await runScript('hardening/faults/faults.mjs', ['descriptors', '--commonest'], {
    cwd: root,
  })
  assert.equal(code, 0, stdout + stderr)
  assert.match(stdout, /^all +\d+ +[1-9]\d* +[1-9]\d* +[1-9]\d* +0 +0 +0$/m)
})
