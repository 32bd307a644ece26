// 003: the architecture of several processes, where something goes wrong: crashes, what hangs, what runs out.

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

test('003: workers leave also when their master is killed, and free the port', NODE, async (t) => {
  const supervisor = await Supervisor.start(t)
  const workers = await supervisor.serving()
  const { url } = supervisor
  await end(supervisor.master)
  for (const pid of workers) await until(() => !isAlive(pid), 'it has left')
  // The last of its threads to end closes it.
  await until(() => ask(url).catch(({ code }) => code === 'ECONNREFUSED'), 'the port is free')
})

test('003: restarts pause longer each time, and come to an end', NODE, async (t) => {
  const supervisor = new Supervisor(t, { FAILS: 'at its job', JOB_EVERY: '10', WORKERS: '1', CRASHES: '4' })
  const { code, stdout, stderr } = await supervisor.run().ended()
  assert.equal(code, 1)
  assert.match(stderr, /more than 4 crashes in a minute: given up[\s\S]*no worker is left/)
  assert.deepEqual(
    [...stdout.matchAll(/another one in (\d+) ms/g)].map(([, pause]) => Number(pause)),
    [100, 200, 400, 800],
  )
  assert.equal([...stdout.matchAll(/worker process exited, pid: \d+, code 3/g)].length, 5)
})

test('003: a worker that can’t start has `start` fail, with the reason, and leaves nothing', NODE, async (t) => {
  const supervisor = new Supervisor(t, { FAILS: 'at once' })
  const { code, stderr } = await supervisor.command('start')
  assert.equal(code, 1)
  assert.match(stderr, /it does not even start|has ended before it served: code 1/)
  const [, master] = supervisor.log.match(/ppid: (\d+)/)
  for (const pid of [Number(master), ...supervisor.created]) await until(() => !isAlive(pid), 'it is gone')
})

test('003: a reload that can’t start its workers changes nothing', NODE, async (t) => {
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

test('003: one that is given by a relative path is served', NODE, async (t) => {
  const APP = path.relative(process.cwd(), fixture('supervisor-app.cjs'))
  const supervisor = await Supervisor.start(t, { APP })
  assert.equal((await supervisor.ask()).ppid, supervisor.master)
})

test('003: where one worker can’t start, those that are still being loaded end, too', NODE, async (t) => {
  const supervisor = new Supervisor(t)
  const first = JSON.stringify(path.join(supervisor.directory, 'first'))
  supervisor.app(`
    let isFirst = true
    try { require('node:fs').mkdirSync(${first}) } catch { isFirst = false }
    if (isFirst) throw new Error()
    ${supervisor.hangs}`)
  assert.equal((await supervisor.command('start')).code, 1)
  assert.equal(supervisor.created.length, WORKERS)
  for (const pid of supervisor.created) await until(() => !isAlive(pid), 'it has ended')
})

test('003: a `stop` during the start ends all, and the start fails', NODE, async (t) => {
  const supervisor = new Supervisor(t)
  supervisor.app(supervisor.hangs)
  const starting = supervisor.command('start')
  const log = path.join(supervisor.directory, 'log')
  await until(() => fs.existsSync(log) && supervisor.created.length === WORKERS, 'they are being loaded')
  assert.match((await supervisor.command('stop')).stdout, /^stopped \d+\n$/)
  assert.equal((await starting).code, 1)
  for (const pid of supervisor.created) {
    assert.match(supervisor.log, new RegExp(`worker process exited, pid: ${pid}, `))
    assert.equal(isAlive(pid), false)
  }
})

test('003: a worker that hangs when it is to leave is killed', NODE, async (t) => {
  const supervisor = await Supervisor.start(t, { GRACE: '100' })
  const [hanging] = await supervisor.serving()
  process.kill(hanging, 'SIGSTOP')
  assert.equal((await supervisor.command('reload')).code, 0)
  await until(() => supervisor.log.includes(`worker process exited, pid: ${hanging}, SIGKILL`), 'it is killed')
  assert.equal((await supervisor.serving()).includes(hanging), false)
})

test('003: one that never comes to serve is killed; the reload fails, and the next one does not', NODE, async (t) => {
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

test('003: a reload that is asked for during another comes after it', NODE, async (t) => {
  // However long it takes to ask: it is not to be killed for that.
  const supervisor = new Supervisor(t, { PATIENCE: '60000' })
  const { directory, hangs } = supervisor
  supervisor.app('')
  assert.equal((await supervisor.command('start')).code, 0)
  const before = await supervisor.serving()
  supervisor.app(hangs)
  const first = supervisor.command('reload')
  await until(() => supervisor.created.length === WORKERS + 1, 'the first has begun')
  const gate = await opened(path.join(directory, 'fifo'))
  const log = path.join(directory, 'log')
  fs.renameSync(log, `${log}.1`)
  process.kill(supervisor.master, 'SIGHUP')
  await until(() => fs.existsSync(log), 'the second is asked for')
  assert.equal((await supervisor.table()).length, 1 + WORKERS + 1)
  supervisor.app('')
  fs.closeSync(gate)
  assert.equal((await first).stdout, 'reloaded\n')
  await until(() => supervisor.created.length === 2 * WORKERS - 1, 'and then the second')
  assert.equal(
    (await supervisor.serving()).some((pid) => before.includes(pid)),
    false,
  )
})

test(
  '003: SIGHUP: new logs and new workers; where there can be no new log, it goes on in the old one',
  NODE,
  async (t) => {
    const supervisor = await Supervisor.start(t)
    const { directory, master } = supervisor
    const [log, old] = ['log', 'log.1'].map((name) => path.join(directory, name))
    const before = await supervisor.serving()
    fs.renameSync(log, old)
    fs.mkdirSync(log)
    process.kill(master, 'SIGHUP')
    const count = () => [...fs.readFileSync(old, 'utf8').matchAll(/worker process created/g)].length
    await until(() => /EISDIR/.test(fs.readFileSync(old, 'utf8')) && count() === 2 * WORKERS, 'it says so, and reloads')
    assert.equal(
      (await supervisor.serving()).some((pid) => before.includes(pid)),
      false,
    )

    fs.rmdirSync(log)
    process.kill(master, 'SIGHUP')
    await until(() => fs.existsSync(log) && supervisor.created.length === WORKERS, 'there is a new one')
    assert.equal(fs.readlinkSync(`/proc/${(await supervisor.serving())[0]}/fd/1`), log)
  },
)

test(
  '003: a master that runs out of descriptors goes on, and has a worker again when there are some',
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
    await until(() => supervisor.log.includes('EMFILE'), 'it has none')
    limit(most)
    assert.equal((await supervisor.serving()).includes(killed), false)
    assert.equal(supervisor.master, master)
  },
)

test('003: who asks for what fails at once is told so, by 500', NODE, async (t) => {
  const supervisor = await Supervisor.start(t)
  const [response] = await once(http.get(new URL('/crash-at-once', supervisor.url), { agent: false }), 'response')
  assert.equal(response.statusCode, 500)
  response.resume()
})
