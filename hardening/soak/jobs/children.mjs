// Children of child_process: the runtime reaps them, and wait() observes them.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openProcess, wait } from '../../../index.js'

export function children({ tally }) {
  let exitCode = 0

  async function child() {
    const code = exitCode++ % 256
    const started = spawn('/bin/sh', ['-c', `read _; exit ${code}`], { stdio: ['pipe', 'ignore', 'inherit'] })
    const opened = openProcess(started.pid)
    const close = once(started, 'close')
    const all = Promise.all([
      tally.awaited("'exit' events", once(started, 'exit')),
      tally.awaited('statuses observed', wait(started.pid, { observe: true })),
      tally.awaited('statuses observed', opened.wait()),
    ])
    started.stdin.end()
    const [exit, ...observed] = await all
    assert.deepEqual(exit, [code, null])
    // Before Linux 6.15, the status is 'unknown' if the runtime has reaped the child first.
    for (const { state, exitCode } of observed) assert.ok(exitCode === code || state === 'unknown', `${exitCode}`)
    opened.close()
    await close
  }
  return { round: () => Promise.all(Array.from({ length: 4 }, child)) }
}
