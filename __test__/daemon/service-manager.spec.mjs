// daemonize() under a service manager: MAINPID, READY=1, and a manager that is gone.

import assert from 'node:assert/strict'
import path from 'node:path'
import { factsFrom, firstLine, launch } from '../helpers/daemon.mjs'
import { temporary, test } from '../helpers/harness.mjs'
import { isAlive } from '../helpers/proc.mjs'
import { fixture, run } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

test('daemonize(): the launcher sends MAINPID, READY=1 and BARRIER=1 to the manager', {
  contract: 'D13',
}, async (t) => {
  const log = path.join(temporary(t), 'log')
  const node = [process.execPath, fixture('daemon.cjs'), JSON.stringify({ stdout: log }), 'stay']
  const { stdout, stderr, code } = await run('python3', [fixture('service-manager.py'), ...node]).ended
  assert.equal(code, 0, stderr)
  const { facts } = factsFrom(t, log)
  const { launcher, exit, messages } = JSON.parse(stdout)
  assert.equal(exit, 0)
  assert.deepEqual(
    messages.map(({ text, sender, descriptors }) => ({ text, fromLauncher: sender === launcher, descriptors })),
    [
      { text: `MAINPID=${facts.pid}\nREADY=1`, fromLauncher: true, descriptors: 0 },
      { text: 'BARRIER=1', fromLauncher: true, descriptors: 1 },
    ],
  )
  assert.equal(
    messages.every(({ launcherAlive }) => launcherAlive),
    true,
  )
})

for (const [whose, execArgv] of [
  ['plain launcher', []],
  ['subreaper launcher', ['-r', fixture('daemon/preload-subreaper.cjs')]],
]) {
  test(`daemonize(): the manager adopts the daemon before MAINPID=, ${whose}`, async (t) => {
    const log = path.join(temporary(t), 'log')
    const options = JSON.stringify({ stdout: log })
    const node = [process.execPath, ...execArgv, fixture('daemon.cjs'), options, 'stay']
    const { stdout, stderr, code } = await run('python3', [fixture('service-manager.py'), ...node]).ended
    assert.equal(code, 0, stderr)
    factsFrom(t, log)
    assert.equal(JSON.parse(stdout).messages[0].mainIsChild, true)
  })
}

test('Daemon ready(): returns when the manager knows the daemon', async (t) => {
  const log = path.join(temporary(t), 'log')
  const node = [process.execPath, fixture('daemon/notify-around-ready.cjs'), log]
  const env = { ...process.env, LAST: 'STATUS=ready' }
  const { stdout, stderr } = await run('python3', [fixture('service-manager.py'), ...node], { env }).ended
  assert.notEqual(stdout, '', stderr)
  const { pid } = firstLine(log)
  await until(() => !isAlive(pid), 'the daemon has ended')
  const texts = JSON.parse(stdout).messages.map(({ text }) => text)
  assert.deepEqual(texts, ['STATUS=begun', `MAINPID=${pid}\nREADY=1`, 'BARRIER=1', 'STATUS=ready'])
})

test('daemonize(): an empty NOTIFY_SOCKET counts as absent', async (t) => {
  const { code, stderr } = await launch(t, {}, { env: { ...process.env, NOTIFY_SOCKET: '' } })
  assert.deepEqual([code, stderr], [0, ''])
})

test('daemonize(): succeeds and warns, service manager gone', { contract: 'D13' }, async (t) => {
  const { code, stderr } = await launch(t, {}, { env: { ...process.env, NOTIFY_SOCKET: '/no such socket' } })
  assert.equal(code, 0)
  assert.match(stderr, /service manager does not know that the daemon is ready: no process listens/)
})
