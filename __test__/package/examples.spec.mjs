// Examples that check themselves: they succeed, and they fail when something is wrong.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { daemonStatus } from '../../index.js'
import { opened, release } from '../helpers/fifo.mjs'
import { hasProgram, needs, temporary, test } from '../helpers/harness.mjs'
import { isAlive } from '../helpers/proc.mjs'
import { fixture, root, run, runScript } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const demo = path.join(root, 'examples/http-daemon/demo.js')

test('examples/http-daemon: the demo starts and stops a daemon, exits with 0', { contract: 'I1' }, async () => {
  const { code, stdout, stderr } = await run(process.execPath, [demo]).ended
  assert.equal(code, 0, stdout + stderr)
  assert.doesNotMatch(stdout, /✖/)
  assert.match(stdout, /All checks passed/)
})

const FIFOS = needs('mkfifo', hasProgram('mkfifo'))

test('examples/zero-downtime: SIGTERM during a reload ends both processes', FIFOS, async (t) => {
  const directory = temporary(t)
  const pidFile = path.join(directory, 'pid')
  const hold = path.join(directory, 'hold')
  await run('mkfifo', [hold]).ended
  const preload = `--require ${fixture('package/hold-successor.cjs')}`
  const env = { ...process.env, DIRECTORY: directory, PORT: '0', HOLD: hold, NODE_OPTIONS: preload }
  // The signal comes before the successor starts, or while it starts.
  for (const before of [async () => undefined, () => opened(hold)]) {
    const { code, stderr } = await runScript(path.join(root, 'examples/zero-downtime/server.js'), [], { env })
    assert.equal(code, 0, stderr)
    const { pid } = daemonStatus(pidFile)
    const receives = async (signal) => {
      process.kill(pid, signal)
      await until(() => fs.existsSync(`${hold}.${signal}`), `the predecessor has received ${signal}`)
      fs.rmSync(`${hold}.${signal}`)
    }
    // Two threads of the predecessor can receive two signals in either order, so wait for the first one.
    await receives('SIGHUP')
    const held = await before()
    await receives('SIGTERM')
    if (held === undefined) await release(hold)
    else fs.closeSync(held)
    await until(() => !isAlive(pid), 'the predecessor has ended')
    await until(() => !daemonStatus(pidFile).running, 'the successor has ended')
  }
})

test('examples/zero-downtime: 20 reloads fail no request, never free the pid file', { contract: 'D25' }, async () => {
  const program = path.join(root, 'examples/zero-downtime/main.js')
  const { code, stdout, stderr } = await run(process.execPath, [program]).ended
  assert.equal(code, 0, stdout + stderr)
  assert.match(stdout, /✔ it has replaced itself 20 times/)
  assert.match(stdout, /✔ no request has failed/)
  assert.match(stdout, /✔ the pid file always had a holder/)
  assert.doesNotMatch(stdout, /✖/)
})

test('examples/http-daemon: the demo exits with 1 after an error', { contract: 'I1' }, async () => {
  const env = { ...process.env, NODE_OPTIONS: `--require ${fixture('package/refuse-to-listen.cjs')}` }
  const { code, stdout } = await run(process.execPath, [demo], { env }).ended
  assert.equal(code, 1)
  assert.match(stdout, /✖ the launcher has ended, with 0/)
})
