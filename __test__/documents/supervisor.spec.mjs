// examples/supervisor: a master keeps its workers serving.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { program } from '../helpers/channels.mjs'
import { isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { isAlive, stat, status } from '../helpers/proc.mjs'
import { repetitions } from '../helpers/repetitions.mjs'
import { until } from '../helpers/until.mjs'
import { connection, Supervisor, WORKERS } from './helpers/supervisor.mjs'

const NODE = needs('Node.js', isNode)
const RELOADS = repetitions(10)

const childrenOf = (pid) =>
  fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)

test('examples/supervisor: start returns a daemon whose four workers all answer', NODE, async (t) => {
  const supervisor = await Supervisor.start(t)
  const { master } = supervisor
  const { session, tty } = stat(master)
  assert.deepEqual({ leads: session === master, tty }, { leads: false, tty: 0 })
  const workers = await supervisor.serving()
  assert.deepEqual(childrenOf(master).sort(), workers.toSorted())
  for (const pid of workers) assert.equal(stat(pid).ppid, master)
  const answered = new Set()
  await until(async () => {
    const { pid, ppid } = await supervisor.ask()
    assert.equal(ppid, master)
    return answered.add(pid).size === WORKERS
  }, 'each worker has answered')
  assert.deepEqual([...answered].sort(), workers.toSorted())
})

test('examples/supervisor: status prints the memory that /proc tells', NODE, async (t) => {
  const supervisor = await Supervisor.start(t)
  const rows = await supervisor.table()
  assert.deepEqual(
    rows.map(({ role }) => role),
    ['master', 'worker', 'worker', 'worker', 'worker'],
  )
  assert.equal(rows[0].pid, supervisor.master)
  for (const { pid, memory, uptime, restarts } of rows) {
    const resident = Number.parseInt(status(pid, 'VmRSS'), 10) / 1024
    assert.ok(Math.abs(memory - resident) < resident / 4, `${memory} for ${resident}`)
    assert.match(uptime, /^\d+ s$/)
    assert.equal(restarts, 0)
  }
})

test('examples/supervisor: refuses a second start, and commands without a daemon', NODE, async (t) => {
  const supervisor = await Supervisor.start(t)
  const { master } = supervisor
  const again = await supervisor.command('start')
  assert.equal(again.code, 1)
  assert.match(again.stderr, new RegExp(`pid ${master}`))
  assert.ok(isAlive(master))
  assert.equal((await supervisor.command('stop')).stdout, `stopped ${master}\n`)
  for (const name of ['status', 'reload', 'stop']) {
    assert.deepEqual(await supervisor.command(name), { code: 1, stdout: '', stderr: 'not running\n' })
  }
})

test('examples/supervisor: a worker with an error answers its clients, is replaced', NODE, async (t) => {
  const supervisor = await Supervisor.start(t)
  const before = await supervisor.serving()
  const first = await connection(t, supervisor.url)
  const { pid } = first
  const second = await connection(t, supervisor.url, pid)
  // A client whose request is open when the worker fails.
  const request = http.request(supervisor.url, { method: 'POST', agent: second.agent })
  request.flushHeaders()
  await supervisor.ask('/', { agent: first.agent })
  await supervisor.ask('/crash', { agent: first.agent })
  first.agent.destroy()
  const after = await until(async () => {
    const rows = await supervisor.table()
    const ready = rows.filter(({ role, state }) => role === 'worker' && state === 'ready').map((row) => row.pid)
    return ready.length === WORKERS && !ready.includes(pid) && ready
  }, 'another worker serves')
  assert.deepEqual(
    before.filter((one) => !after.includes(one)),
    [pid],
  )
  assert.equal((await supervisor.table()).find((row) => row.pid === pid).state, 'leaving')
  assert.ok(isAlive(pid))
  request.end()
  const [response] = await once(request, 'response')
  assert.equal(JSON.parse(await text(response)).pid, pid)
  await until(() => supervisor.log.includes(`worker process exited, pid: ${pid}, code 1`), `${pid} has ended`)
})

for (const signal of ['SIGINT', 'SIGTERM', 'SIGQUIT']) {
  test(`examples/supervisor: the master passes ${signal} on, ends after its workers`, NODE, async (t) => {
    const supervisor = new Supervisor(t)
    const master = supervisor.run()
    await master.says(/listening/)
    const workers = await until(() => supervisor.serving().catch(() => false), 'the workers serve')
    master.child.kill(signal)
    const { code, stdout } = await master.ended()
    assert.equal(code, 0)
    for (const pid of workers) {
      assert.match(stdout, new RegExp(`worker process exited, pid: ${pid}, code 0`))
      assert.equal(stat(pid), null)
    }
  })
}

test('examples/supervisor: one worker does each job, every worker has some', NODE, async (t) => {
  const supervisor = await Supervisor.start(t, { JOB_EVERY: '20' })
  const workers = await supervisor.serving()
  const done = await until(() => {
    const jobs = [...supervisor.log.matchAll(/^job (\d+) in (\d+)$/gm)]
    return jobs.length >= 12 && jobs
  }, 'twelve jobs are done')
  const numbers = done.map(([, number]) => Number(number)).sort((a, b) => a - b)
  assert.equal(new Set(numbers).size, numbers.length)
  const by = new Set(done.map(([, , pid]) => Number(pid)))
  assert.deepEqual([...by].sort(), workers.toSorted())
})

test('examples/supervisor: starts all killed workers again', NODE, async (t) => {
  const supervisor = await Supervisor.start(t)
  for (let round = 1; round <= 2; round++) {
    const killed = await supervisor.serving()
    for (const pid of killed) process.kill(pid, 'SIGKILL')
    const now = await until(async () => {
      const pids = await supervisor.serving()
      return pids.every((pid) => !killed.includes(pid)) && pids
    }, 'all workers are new')
    for (const pid of now) assert.equal(stat(pid).ppid, supervisor.master)
    assert.equal((await supervisor.table())[0].restarts, round * WORKERS)
  }
})

test('examples/supervisor: reloads under load fail no request of live workers', NODE, async (t) => {
  const accepted = path.join(temporary(t), 'accepted')
  const supervisor = await Supervisor.start(t, { ACCEPTED: accepted })
  const load = program(t, 'documents/supervisor-load.mjs', [supervisor.url])
  const killed = new Set()
  const kill = () =>
    until(async () => {
      const ready = (await supervisor.table()).filter(({ role, state }) => role === 'worker' && state === 'ready')
      const { pid } = ready[Math.floor(Math.random() * ready.length)]
      try {
        process.kill(pid, 'SIGKILL')
      } catch (error) {
        // The worker left meanwhile.
        if (error.code !== 'ESRCH') throw error
        return false
      }
      return killed.add(pid)
    }, 'a worker is killed')
  for (let reloads = 0; reloads < RELOADS; reloads++) {
    const [reload] = await Promise.all([supervisor.command('reload'), kill()])
    assert.deepEqual(reload, { code: 0, stdout: 'reloaded\n', stderr: '' })
    await supervisor.serving()
  }
  load.child.stdin.end()
  const { code, said } = await load.ended()
  assert.equal(code, 0)
  const [{ requests, failures, pids }] = said
  assert.ok(requests > 100 * RELOADS && pids.length > 3 * WORKERS, `${requests} requests, answered by ${pids.length}`)
  const owners = new Map(
    fs
      .readFileSync(accepted, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
      .map(([address, pid]) => [address, Number(pid)]),
  )
  // A killed worker may not have noted its last connection: one connection for each kill at most.
  const unknown = failures.filter(({ address }) => !owners.has(address))
  assert.ok(unknown.length <= killed.size, JSON.stringify(failures))
  for (const { code, address } of failures) {
    assert.match(code, /^(ECONNRESET|EPIPE)$/)
    if (owners.has(address)) assert.ok(killed.has(owners.get(address)), `${address} was of ${owners.get(address)}`)
  }
})
