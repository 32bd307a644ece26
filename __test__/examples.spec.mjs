// The examples do what they say, and notice when it is not so.

import assert from 'node:assert/strict'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { daemonStatus } from '../index.js'
import { temporary, test } from './helpers/harness.mjs'
import { isAlive } from './helpers/proc.mjs'
import { fixture, root, run, runScript } from './helpers/run.mjs'
import { until } from './helpers/until.mjs'

const demo = path.join(root, 'examples/http-daemon/demo.js')

test('I1: the demo starts, shows, asks and stops a daemon, and ends with 0', async () => {
  const { code, stdout, stderr } = await run(process.execPath, [demo]).ended
  assert.equal(code, 0, stdout + stderr)
  assert.doesNotMatch(stdout, /✖/)
  assert.match(stdout, /All as it should be/)
})

test('examples/zero-downtime: SIGTERM during a reload ends both processes', async (t) => {
  const directory = temporary(t)
  const pidFile = path.join(directory, 'pid')
  const env = { ...process.env, DIRECTORY: directory, PORT: '0' }
  for (let round = 0; round < 8; round++) {
    const { code, stderr } = await runScript(path.join(root, 'examples/zero-downtime/server.js'), [], { env })
    assert.equal(code, 0, stderr)
    const { pid } = daemonStatus(pidFile)
    process.kill(pid, 'SIGHUP')
    // Another point of the successor's start in each round.
    await sleep(round * 15)
    process.kill(pid, 'SIGTERM')
    await until(() => !isAlive(pid), 'the predecessor has ended')
    await until(() => !daemonStatus(pidFile).running, 'the successor has ended')
  }
})

test('D25: examples/zero-downtime: 20 reloads under load, not one failed request, and never a free pid file', async () => {
  const program = path.join(root, 'examples/zero-downtime/main.js')
  const { code, stdout, stderr } = await run(process.execPath, [program]).ended
  assert.equal(code, 0, stdout + stderr)
  assert.match(stdout, /✔ it has replaced itself 20 times/)
  assert.match(stdout, /✔ not one request has failed/)
  assert.match(stdout, /✔ there was no moment without a holder of the pid file/)
  assert.doesNotMatch(stdout, /✖/)
})

test('I1: the demo ends with 1 when something is off', async () => {
  const env = { ...process.env, NODE_OPTIONS: `--require ${fixture('refuse-to-listen.cjs')}` }
  const { code, stdout } = await run(process.execPath, [demo], { env }).ended
  assert.equal(code, 1)
  assert.match(stdout, /✖ the launcher has ended, with 0/)
})
