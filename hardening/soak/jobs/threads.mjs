// Worker threads that use procnative. They end by themselves, by process.exit(), or by worker.terminate() with pending calls.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { openProcess } from '../../../index.js'

const WORKER = new URL('../programs/worker.mjs', import.meta.url)

export function threads({ tally }) {
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
    // procnative reaps the child that the worker has left. Otherwise the samples at rest would show a zombie.
    const child = openProcess(left)
    child.kill('SIGKILL')
    await child.wait()
    child.close()
  }
  return { round: () => Promise.all([thread('end', 0), thread('exit', 5), thread('terminate', 1)]) }
}
