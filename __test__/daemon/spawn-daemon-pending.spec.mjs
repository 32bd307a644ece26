// spawnDaemon(): pending starts, the event loop and the threads of the caller.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { end } from '../helpers/daemon.mjs'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { isAlive, startedWith, stat } from '../helpers/proc.mjs'
import { repetitions } from '../helpers/repetitions.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, runScript } from '../helpers/run.mjs'
import { PYTHON, startElsewhere } from '../helpers/spawned.mjs'
import { until } from '../helpers/until.mjs'

test('spawnDaemon(): works in a worker thread', { contract: 'D23' }, async (t) => {
  const worker = new Worker(new URL('./fixtures/start-worker.mjs', import.meta.url), {
    workerData: [PYTHON, [fixture('notify-in-steps.py'), 'send:READY=1'], { ready: 'notify' }],
  })
  const said = []
  worker.on('message', (message) => said.push(message))
  const [code] = await once(worker, 'exit')
  assert.equal(code, 0)
  const { pid } = said[1]
  t.after(() => end(pid))
  assert.equal(isAlive(pid), true)
  assert.notEqual(stat(pid).ppid, process.pid)
})

/** Ends the daemons of fixtures/abandon-starts.mjs. */
const endAbandoned = () => Promise.all(startedWith('ABANDONED', process.env.PROCNATIVE_TEST).map((pid) => end(pid)))

// Only in Node.js: other runtimes start their own threads, so that a test cannot count threads.
test('spawnDaemon(): worker.terminate() is safe, start pending', {
  contract: 'D23',
  ...needs('Node.js', isNode),
}, async (t) => {
  t.after(endAbandoned)
  const { code, signal, stdout, stderr } = await runScript(fixture('daemon/abandon-starts.mjs'), [
    'terminate',
    repetitions(50),
  ])
  assert.deepEqual(
    { code, signal, reports: reports(stdout) },
    { code: 0, signal: null, reports: [{ threads: 0 }] },
    stderr,
  )
})

test('spawnDaemon(): process.exit() is safe, starts pending', { contract: 'D23' }, async (t) => {
  t.after(endAbandoned)
  const [rounds, processes, starts] = [repetitions(10), 5, 3]
  for (let round = 0; round < rounds; round++) {
    const exits = Array.from({ length: processes }, () =>
      runScript(fixture('daemon/abandon-starts.mjs'), ['exit', starts]),
    )
    for (const { code, signal, stderr } of await Promise.all(exits))
      assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr)
  }
  // All daemons were started and outlive their caller. Their environment is readable a moment after the start.
  const count = rounds * processes * starts
  await until(() => startedWith('ABANDONED', process.env.PROCNATIVE_TEST).length === count, `${count} daemons`)
})

test('spawnDaemon(): keeps the caller alive only while it is pending', { contract: 'D23' }, async (t) => {
  const [{ pid, code }] = await startElsewhere(t, [
    [PYTHON, [fixture('notify-in-steps.py'), 'send:READY=1'], { ready: 'notify' }],
  ])
  assert.equal(code, undefined)
  assert.equal(isAlive(pid), true)
})
