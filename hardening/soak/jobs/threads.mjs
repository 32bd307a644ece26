// Worker threads that use procnative, and end by themselves, by process.exit(), or by worker.terminate() with all of it pending.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

const WORKER = new URL('../programs/worker.mjs', import.meta.url)

export function threads({ tally, fosters }) {
  async function thread(how, exitCode) {
    const worker = new Worker(WORKER, { workerData: how })
    const exit = once(worker, 'exit')
    const [{ statuses, messages, descriptors, left }] = await tally.awaited(
      'reports of threads',
      once(worker, 'message'),
    )
    for (const side of ['out', 'came']) {
      tally[side]('statuses of children', statuses)
      tally[side]('messages', messages)
      tally[side]('descriptors', descriptors)
    }
    if (how === 'terminate') worker.terminate()
    assert.deepEqual(await exit, [exitCode])
    if (left === null) return
    // Its child was not given up: it is this thread's now.
    process.kill(left, 'SIGKILL')
    await fosters.ended(left, { signal: 'SIGKILL' })
  }
  return { round: () => Promise.all([thread('end', 0), thread('exit', 5), thread('terminate', 1)]) }
}
