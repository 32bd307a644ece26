// examples/port-conflict: the listeners of a port, by /proc/net/tcp (the socket) and /proc/PID/fd (its holders).

import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { text } from 'node:stream/consumers'
import { end } from '../helpers/daemon.mjs'
import { example } from '../helpers/example.mjs'
import { test } from '../helpers/harness.mjs'
import { allPids, descriptors, stat } from '../helpers/proc.mjs'
import { until } from '../helpers/until.mjs'
import { socketsAt } from './helpers/tcp.mjs'

/** Sorts pids, which need not grow: the kernel starts again at low numbers. */
const sorted = (pids) => [...pids].sort((one, other) => one - other)

test('examples/port-conflict: one of four workers binds, the others get EADDRINUSE', async (t) => {
  const { pids, output, finish } = await shown(t)
  const [, winner, port] = output.stdout.match(/^(\d+): listening on 127\.0\.0\.1:(\d+)$/m)
  const losers = [...output.stdout.matchAll(/^(\d+): listen EADDRINUSE: address already in use 127\.0\.0\.1:(\d+)$/gm)]
  assert.deepEqual([winner, ...losers.map(([, pid]) => pid)].map(Number), pids)
  for (const [, , wanted] of losers) assert.equal(wanted, port)

  assert.deepEqual(socketsAt(port).listening.map(holders), [[Number(winner)]])
  assert.equal(await ask(`http://127.0.0.1:${port}/`), Number(winner))
  await finish()
})

test('examples/port-conflict: only the four workers hold the socket, each serves', async (t) => {
  const { pids, url, finish } = await shown(t)
  assert.deepEqual(socketsAt(new URL(url).port).listening.map(holders), [sorted(pids)])
  for (const pid of pids) {
    // The other workers are stopped, so that this worker must answer.
    const others = pids.filter((other) => other !== pid)
    for (const other of others) process.kill(other, 'SIGSTOP')
    await until(() => others.every((other) => stat(other).state === 'T'), 'the others are stopped')
    assert.equal(await ask(url), pid)
    for (const other of others) process.kill(other, 'SIGCONT')
  }
  await finish()
})

/** Starts the example and waits until its workers serve. `finish()` ends it and checks the answer of each worker. */
async function shown(t) {
  const { child, says, all, ended, output } = example(t, 'port-conflict')
  const [, url] = await says(/^(http:\S+) is served by .*\n/m)
  const pids = all(/^worker process created, pid: (\d+) ppid: (\d+)$/gm).map(([, pid, ppid]) => {
    assert.equal(Number(ppid), child.pid)
    assert.equal(stat(pid).ppid, child.pid)
    return Number(pid)
  })
  assert.equal(new Set(pids).size, 4)
  // A failed test can leave stopped workers, which do not notice the end of the master.
  t.after(() => Promise.all(pids.map((pid) => end(pid))))

  async function finish() {
    child.stdin.end()
    const { code, stderr } = await ended()
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    const answers = all(/^I am worker, pid: (\d+), ppid: (\d+) \(and was ended\)$/gm)
    assert.deepEqual(sorted(answers.map(([, pid]) => Number(pid))), sorted(pids))
    await assert.rejects(ask(url), { code: 'ECONNREFUSED' })
  }
  return { pids, url, output, finish }
}

/** Returns the processes that have a socket open, except those that this user may not inspect. */
function holders(link) {
  return allPids().filter((pid) => {
    try {
      return Object.values(descriptors(pid)).includes(link)
    } catch (error) {
      if (['ENOENT', 'ESRCH', 'EACCES'].includes(error.code)) return false
      throw error
    }
  })
}

/** Returns the pid of the worker that answers. */
async function ask(url) {
  const [response] = await once(http.get(url, { agent: false }), 'response')
  return Number((await text(response)).match(/^I am worker, pid: (\d+), ppid: \d+\n$/)[1])
}
