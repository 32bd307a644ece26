// Processes whose parents die first.

import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { spawn } from '../../../index.js'

export function orphans({ tally, fosters }) {
  let last = 0

  async function orphan() {
    const exitCode = last++ % 256
    // The orphan ends when a line comes, after its parent's end. A shell gives background commands another standard input.
    const script = `exec 3<&0; { read _ <&3; exit ${exitCode}; } >/dev/null & echo $!`
    const parent = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] })
    const [stdin, stdout] = parent.stdio
    const [pid, status] = await Promise.all([text(stdout), tally.awaited('statuses of children', parent.wait())])
    assert.equal(status.exitCode, 0)
    stdin.end()
    await fosters.ended(Number(pid), { exitCode })
  }
  return { round: () => Promise.all(Array.from({ length: 4 }, orphan)) }
}
