// The ends of daemons that are not ready, below a process that reaps orphans at once.

import assert from 'node:assert/strict'
import { hasProgram, isNode, needs, test } from '../helpers/harness.mjs'
import { repetitions } from '../helpers/repetitions.mjs'
import { fixture, run, scriptCommand } from '../helpers/run.mjs'

// The test denies ioctl(2), by which Linux 6.15 and later report the end of a reaped process. Older kernels do not.
const IOCTL = { x64: 16, arm64: 29 }[process.arch]
const PYTHON = needs('Node.js and python3', isNode && hasProgram('python3'))

test('daemonize(): knows each exit code, and that late daemons were killed', PYTHON, async () => {
  const node = [process.execPath, ...scriptCommand(fixture('daemon/unready-daemons.mjs'), repetitions(200))]
  const program = ['python3', fixture('deny-syscall.py'), IOCTL, ...node]
  const { stdout, stderr, code } = await run('python3', [fixture('daemon/reap-at-once.py'), ...program]).ended
  assert.equal(code, 0, stderr)
  const { rounds, known, killed } = JSON.parse(stdout)
  assert.deepEqual({ known, killed }, { known: 2 * rounds, killed: rounds })
})
