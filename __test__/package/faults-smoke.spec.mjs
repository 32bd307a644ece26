// E1, E3: system calls that are made to fail, see hardening/faults/. One quick scenario here, so that it keeps working.

import assert from 'node:assert/strict'
import { hasProgram, isNode, needs, test } from '../helpers/harness.mjs'
import { root, runScript } from '../helpers/run.mjs'

test('each system call of a scenario that fails once comes out as an error, and leaves nothing', {
  contract: 'E1', // The shim knows system calls that have no function by their numbers there.
  ...needs('Node.js, x64 and a C compiler, cc', isNode && process.arch === 'x64' && hasProgram('cc')),
}, async () => {
  const { code, stdout, stderr } = await runScript('hardening/faults/faults.mjs', ['descriptors', '--commonest'], {
    cwd: root,
  })
  assert.equal(code, 0, stdout + stderr)
  assert.match(stdout, /^all +\d+ +[1-9]\d* +[1-9]\d* +[1-9]\d* +0 +0 +0$/m)
})
