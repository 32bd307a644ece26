// examples/supervisor in trouble: crashes, hanging workers, exhausted resources.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { end } from '../helpers/daemon.mjs'
import { opened } from '../helpers/fifo.mjs'
import { hasProgram, isNode, needs, test } from '../helpers/harness.mjs'
import { isAlive } from '../helpers/proc.mjs'
import { fixture } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'
import { ask, Supervisor, WORKERS } from './helpers/supervisor.mjs'

const NODE = needs('Node.js', isNode)

test('examples/supervisor: workers leave and free the port, master killed', NODE, async (t) => {
  const supervisor = await Supervisor.start(t)
  const workers = await supervisor.serving()
  const { url } = supervisor
  await end(supervisor.master)
  for (const pid of workers) await until(() => !isAlive(pid), `${pid} has left`)
  // The last thread of the last worker closes the socket.
  await until(() => ask(url).catch(({ code }) => code === 'ECONNREFUSED'), 'the port is free')
})

test('examples/supervisor: restarts pause longer each time, then stop', NODE, async (t) => {
  const supervisor = new Supervisor(t, { FAILS: 'at its job', JOB_EVERY: '10', WORKERS: '1', CRASHES: '4' })
  const { code, stdout, stderr } = await supervisor.run().ended()
  assert.equal(code, 1)
  assert.match(stderr, /more than 4 crashes in a minute: given up[\s\S]*no worker is left/)
  assert.deepEqual(
    [...stdout.matchAll(/another worker in (\d+) ms/g)].map(([, pause]) => Number(pause)),
    [100, 200, 400, 800],
  )
  assert.equal([...stdout.matchAll(/worker process exited, pid: \d+, code 3/g)].length, 5)
})

test('examples/supervisor: start reports workers that can’t start, leaves nothing', NODE, async (t) => {
  const supervisor = new Supervisor(t, { FAILS: 'at once' })
  const { code, stderr } = await supervisor.command('start')
  assert.equal(code, 1)
  assert.match(stderr, /it does not even start|has ended before it served: code 1/)
  const [, master] = supervisor.log.match(/ppid: (\d+)/)
  for (const pid of [Number(master), ...supervisor.created]) await until(() => !isAlive(pid), `${pid} is gone`)
})

test('examples/supervisor: a failed reload changes nothing', NODE, async (t) => {
  const supervisor = new Supervisor(t)
  supervisor.app('')
  assert.equal((await supervisor.command('start')).code, 0)
  const before = await supervisor.serving()
  supervisor.app('throw new Error()')
  const { code, stderr } = await supervisor.command('reload')
  assert.equal(code, 1)
  assert.match(stderr, /has ended before it served: code 1/)
  assert.deepEqual(await supervisor.serving(), before)
})

test('examples/supervisor: serves an app with a relative path', NODE, async (t) => {
  const APP = path.relative(process.cwd(), fixture('documents/supervisor-app.cjs'))
  const supervisor = await Supervisor.start(t, { APP })
  assert.equal((await supervisor.ask()).ppid, supervisor.master)
})

test('examples/supervisor: one failed worker ends those that still load', NODE, async (t) => {
  const supervisor = new Supervisor(t)
  const first = JSON.stringify(path.join(supervisor.directory, 'first'))
  supervisor.app(`
    let isFirst = true
    try { require('node:fs').mkdirSync(${first}) } catch { isFirst = false }
    if (isFirst) throw new Error()
    ${supervisor.hangs}`)
  assert.equal((await supervisor.command('start')).code, 1)
  assert.equal(supervisor.created.length, WORKERS)
  for (const pid of supervisor.created) await until(() => !isAlive(pid), `${pid} has ended`)
})

test('examples/supervisor: stop during the start ends all workers', NODE, async (t) => {
  const supervisor = new Supervisor(t)
  supervisor.app(supervisor.hangs)
  const starting = supervisor.command('start')
  const log = path.join(supervisor.directory, 'log')
  await until(() => fs.existsSync(log) && supervisor.created.length === WORKERS, 'all workers load')
  assert.match((await supervisor.command('stop')).stdout, /^stopped \d+\n$/)
  assert.equal((await starting).code, 1)
  for (const pid of supervisor.created) {
    assert.match(supervisor.log, new RegExp(`worker process exited, pid: ${pid}, `))
    assert.equal(isAlive(pid), false)
  }
})

test('examples/supervisor: kills a worker that hangs when it must leave', NODE, async (t) => {
  const supervisor = await Supervisor.start(t, { GRACE: '100' })
  const [hanging] = await supervisor.serving()
  process.kill(hanging, 'SIGSTOP')
  assert.equal((await supervisor.command('reload')).code, 0)
  await until(() => supervisor.log.includes(`worker process exited, pid: ${hanging}, SIGKILL`), `${hanging} is killed`)
  assert.equal((await supervisor.serving()).includes(hanging), false)
})

test('examples/supervisor: kills workers that never serve, the next reload works', NODE, async (t) => {
  const supervisor = new Supervisor(t, { PATIENCE: '4000' })
  supervisor.app('')
  assert.equal((await supervisor.command('start')).code, 0)
  const before = await supervisor.serving()
  supervisor.app(supervisor.hangs)
  assert.match((await supervisor.command('reload')).stderr, /has ended before it served: SIGKILL/)
  assert.deepEqual(await supervisor.serving(), before)
  supervisor.app('')
  assert.equal((await supervisor.command('reload')).code, 0)
})

test('examples/supervisor: a second reload waits for the first', NODE, async (t) => {
  // A long limit, so that a slow machine does not kill the first reload.
  const supervisor = new Supervisor(t, { PATIENCE: '60000' })
  const { directory, hangs } = supervisor
  supervisor.app('')
  assert.equal((await supervisor.command('start')).code, 0)
  const before = await supervisor.serving()
  supervisor.app(hangs)
  const first = supervisor.command('reload')
  await until(() => supervisor.created.length === WORKERS + 1, 'the first reload has begun')
  const gate = await opened(path.join(directory, 'fifo'))
  const log = path.join(directory, 'log')
  fs.renameSync(log, `${log}.1`)
  process.kill(supervisor.master, 'SIGHUP')
  await until(() => fs.existsSync(log), 'the second reload waits')
  assert.equal((await supervisor.table()).length, 1 + WORKERS + 1)
  supervisor.app('')
  fs.closeSync(gate)
  assert.equal((await first).stdout, 'reloaded\n')
  await until(() => supervisor.created.length === 2 * WORKERS - 1, 'the second reload is over')
  assert.equal(
    (await supervisor.serving()).some((pid) => before.includes(pid)),
    false,
  )
})

test('examples/supervisor: SIGHUP reloads, keeps the old log without a new one', NODE, async (t) => {
  const supervisor = await Supervisor.start(t)
  const { directory, master } = supervisor
  const [log, old] = ['log', 'log.1'].map((name) => path.join(directory, name))
  const before = await supervisor.serving()
  fs.renameSync(log, old)
  fs.mkdirSync(log)
  process.kill(master, 'SIGHUP')
  const count = () => [...fs.readFileSync(old, 'utf8').matchAll(/worker process created/g)].length
  await until(
    () => /EISDIR/.test(fs.readFileSync(old, 'utf8')) && count() === 2 * WORKERS,
    'the master reports it and reloads',
  )
  assert.equal(
    (await supervisor.serving()).some((pid) => before.includes(pid)),
    false,
  )

  fs.rmdirSync(log)
  process.kill(master, 'SIGHUP')
  await until(() => fs.existsSync(log) && supervisor.created.length === WORKERS, 'a new log exists')
  assert.equal(fs.readlinkSync(`/proc/${(await supervisor.serving())[0]}/fd/1`), log)
})

test(
  'examples/supervisor: the master survives a lack of descriptors, restarts its worker',
  needs('Node.js, prlimit', isNode && hasProgram('prlimit')),
  async (t) => {
    const supervisor = await Supervisor.start(t)
    const { master } = supervisor
    const limit = (soft) => execFileSync('prlimit', ['--pid', master, `--nofile=${soft}:`])
    const [, most] = execFileSync(
      'prlimit',
      ['--pid', master, '--nofile', '--noheadings', '--output', 'HARD', '--raw'],
      {
        encoding: 'utf8',
      },
    ).match(/(\S+)/)
    const [killed] = await supervisor.serving()
    limit(10)
    process.kill(killed, 'SIGKILL')
    await until(() => supervisor.log.includes('EMFILE'), 'the master has no descriptor')
    limit(most)
    assert.equal((await supervisor.serving()).includes(killed), false)
    assert.equal(supervisor.master, master)
  },
)

test('examples/supervisor: answers 500, app throws at once', NODE, async (t) => {
  const supervisor = await Supervisor.start(t)
  const [response] = await once(http.get(new URL('/crash-at-once', supervisor.url), { agent: false }), 'response')
  assert.equal(response.statusCode, 500)
  response.resume()
})
