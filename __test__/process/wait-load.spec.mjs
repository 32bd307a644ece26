// wait(): thousands of waits, missing descriptors, and ends of threads and processes with pending waits.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { wait } from '../../index.js'
import { caller, exited, killed, shell, told } from '../helpers/children.mjs'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { isAlive, stat } from '../helpers/proc.mjs'
import { repetitions } from '../helpers/repetitions.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, limitedTo, run, scriptCommand } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const MiB = 1 << 20
const WAITS = 5000

/** Runs a script with a limit of descriptors; returns its reports. */
async function limited(descriptors, script, ...args) {
  // The tests compare memory, so V8 must not grow its space for young objects.
  const flags = isNode ? ['--expose-gc', '--max-semi-space-size=1'] : []
  const command = [process.execPath, ...flags, ...scriptCommand(fixture(script), ...args)]
  const { code, signal, stdout, stderr } = await run('env', [...limitedTo(descriptors), ...command]).ended
  assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr)
  return reports(stdout)
}

const limit = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim()
const manyDescriptors = needs('12,000 descriptors', limit === 'unlimited' || Number(limit) >= 12_000)

// ── Many ──

test(`wait(): ${WAITS} children that end in a burst have the right statuses`, {
  contract: 'W4',
  ...manyDescriptors,
}, async () => {
  const [{ before, pending, whileReading, right, left }] = await limited(12_000, 'process/wait-for-burst.mjs', WAITS)
  assert.equal(right, WAITS)
  assert.equal(left.children, 0)
  // Each wait takes a descriptor, and none takes a thread of libuv's pool: reading files goes on meanwhile.
  assert.equal(pending.descriptors - before.descriptors, WAITS)
  assert.equal(whileReading, 0)
  // On Node.js, libuv watches the waits. On Bun and Deno, one thread of procnative does.
  assert.equal(pending.threadsOfOurs, isNode ? 0 : 1)
  if (isNode) {
    assert.equal(pending.threads, before.threads)
    assert.equal(left.threads, before.threads)
    assert.ok(pending.resident - before.resident < 10 * MiB, `${(pending.resident - before.resident) / MiB} MiB`)
  }
})

test(`wait(): ${WAITS} children that end at random have the right statuses`, { contract: 'W4 W7' }, async () => {
  const [said] = await limited(2_000, 'process/wait-while-starting.mjs', WAITS)
  assert.deepEqual(said, { right: WAITS, wrong: [], exits: WAITS / 10, busy: true, children: 0, open: 0 })
})

test('wait(): 100,000 waits in a row leak neither descriptors nor memory', { contract: 'W4' }, async () => {
  const count = 100_000
  const said = await limited(1_000, 'process/wait-serially.mjs', count)
  assert.deepEqual(
    said.map(({ right }) => right),
    Array.from({ length: 10 }, (_, index) => ((index + 1) * count) / 10),
  )
  for (const { open, children } of said) assert.deepEqual([open, children], [said[0].open, said[0].children])
  // The first report is not compared because the engine still allocates for its own use.
  const grown = (what) => said.at(-1)[what] - said[1][what]
  if (isNode) {
    assert.ok(grown('heap') < MiB, `${grown('heap') / MiB} MiB of objects`)
    assert.ok(grown('resident') < 8 * MiB, `${grown('resident') / MiB} MiB`)
  }
})

test('concurrent waits: resolve with one status, again and again', { contract: 'W3' }, async (t) => {
  for (let round = 0; round < repetitions(300); round++) {
    const child = shell(t, `exit ${round % 256}`)
    const waits = [wait(child.pid), wait(child.pid, { observe: true }), child.wait()]
    // A second consuming wait comes last in every second round.
    if (round % 2) waits.push(wait(child.pid))
    for (const status of await Promise.all(waits)) assert.deepEqual(told(status), exited(child.pid, round % 256))
    assert.equal(stat(child.pid), null)
    child.close()
  }
})

// ── Too many ──

const EMFILE = { code: 'EMFILE', errno: -24 }

for (const [who, title] of [
  ['spawn', 'later call'],
  ['child_process', 'first call'],
]) {
  for (const free of [0, 1, 2, 3, 4, 5]) {
    test(`wait(): rejects with EMFILE, then works again, ${title}, ${free} descriptors`, {
      contract: 'W4',
      ...needs('Node.js, which starts with 32 descriptors', isNode),
    }, async () => {
      const said = await limited(32, 'process/wait-without-descriptors.mjs', free, who)
      for (const { outcomes, others, right } of said) {
        const refused = outcomes.filter(Boolean)
        assert.ok(refused.length >= outcomes.length - free, `${refused.length} were refused`)
        for (const { code, errno, ...more } of [...refused, ...others])
          assert.deepEqual({ code, errno }, EMFILE, JSON.stringify(more))
        assert.equal(right, outcomes.length - refused.length + 1)
      }
      assert.equal(said[1].open, said[0].open)
    })
  }
}

// ── Threads ──

// A wake-up that the event loop loses at its end would keep the program alive in one of twenty runs.
test('event loop: does not stay alive after the last wait', { contract: 'W5' }, async () => {
  const program = () =>
    run(process.execPath, scriptCommand(fixture('process/wait-and-end.mjs')), { timeout: 15_000 }).ended
  for (let round = 0; round < repetitions(25); round++) {
    for (const { code, signal, stderr } of await Promise.all(Array.from({ length: 4 }, program)))
      assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr)
  }
})

test('worker thread: wait() works', { contract: 'W5' }, async (t) => {
  const worker = await caller(t)
  const sh = (script) => worker.call('spawn', 'sh', ['-c', script], { stdio: 'ignore' })
  const [one, other] = [await sh('exit 3'), await sh('exec sleep 1000')]
  assert.deepEqual(told(await worker.call('wait', one)), exited(one, 3))
  const waiting = worker.call('wait', other)
  process.kill(other, 'SIGTERM')
  assert.deepEqual(told(await waiting), killed(other, 'SIGTERM'))
  assert.equal(stat(other), null)
})

test('worker thread: waits for a child of the main thread, with it', { contract: 'W5' }, async (t) => {
  const worker = await caller(t)
  const { pid } = shell(t, 'exec sleep 1000')
  const waits = [worker.call('wait', pid, { observe: true }), worker.call('wait', pid), wait(pid)]
  // The worker has made the waits when it answers a later call.
  await worker.call('getpgid')
  process.kill(pid, 'SIGUSR1')
  for (const status of await Promise.all(waits)) assert.deepEqual(told(status), killed(pid, 'SIGUSR1'))
})

test('worker thread: a closed child is reaped after the thread’s end', { contract: 'W5' }, async (t) => {
  const worker = await caller(t)
  const pid = await worker.call('giveUp', 'exec sleep 1000')
  await worker.worker.terminate()
  process.kill(pid, 'SIGTERM')
  await until(() => stat(pid) === null, 'the child is reaped')
})

for (const [how, title, codes] of [
  ['terminate', 'worker.terminate()', [1]],
  ['exit', 'process.exit() in the worker', [5]],
  ['unref', 'unref() of all waits', [0]],
]) {
  test(`worker thread: its end leaves no pending wait, ${title}`, { contract: 'W5' }, async () => {
    const [said] = await limited(4_000, 'process/abandon-waits.mjs', how, repetitions(20))
    const { before, after, ...rest } = said
    assert.deepEqual(rest, { codes, reapers: 1, left: [], signal: 'SIGHUP' })
    if (isNode) assert.deepEqual(after, before)
  })
}

test('process.exit(): ends the process with 50 pending waits', { contract: 'W5' }, async (t) => {
  for (let round = 0; round < repetitions(20); round++) {
    const { code, signal, stdout, stderr } = await run(
      process.execPath,
      scriptCommand(fixture('process/exit-with-pending-waits.mjs'), 50),
    ).ended
    const [pids] = reports(stdout)
    t.after(() => until(() => !pids.some(isAlive), 'its children are gone'))
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    assert.deepEqual({ code, signal, pids: pids.length }, { code: 7, signal: null, pids: 50 }, stderr)
  }
})
