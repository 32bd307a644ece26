// spawn() and the ways to wait for a child.

import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { spawn, wait, waitpid } from '../../../index.js'

const SIGNALS = ['SIGTERM', 'SIGKILL', 'SIGHUP', 'SIGUSR2']
const PAYLOAD = 'x'.repeat(100_000)

export function spawns({ tally }) {
  let exitCode = 0

  const WAYS = [
    (child) => child.wait(),
    (child) => wait(child.pid),
    async (child) => waitpid(child.pid),
    (child) => child.wait().then(() => child.wait()),
  ]
  async function exits(way) {
    const code = exitCode++ % 256
    const child = spawn('/bin/sh', ['-c', `exit ${code}`], { stdio: 'ignore' })
    const status = await tally.awaited('statuses of children', way(child))
    assert.deepEqual([status.pid, status.exitCode, status.signal], [child.pid, code, null])
    child.close()
  }
  async function isKilled(signal) {
    const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
    assert.equal(child.kill(signal), true)
    const status = await tally.awaited('statuses of children', child.wait())
    assert.deepEqual([status.exitCode, status.signal], [null, signal])
  }
  async function pipes() {
    const child = spawn('cat')
    child.stdio[0].end(PAYLOAD)
    const [came, , status] = await Promise.all([
      tally.awaited('outputs of children', text(child.stdio[1])),
      text(child.stdio[2]),
      tally.awaited('statuses of children', child.wait()),
    ])
    assert.equal(came, PAYLOAD)
    assert.equal(status.exitCode, 0)
  }
  return { round: () => Promise.all([...WAYS.map(exits), ...SIGNALS.map(isKilled), pipes()]) }
}
