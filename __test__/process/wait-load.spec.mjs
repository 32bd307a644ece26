// W4, W5, W7: waits by the thousand, and the ends of threads and processes that have some.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { wait } from '../../index.js'
import { caller, exited, killed, shell, told } from '../helpers/children.mjs'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { isAlive, stat } from '../helpers/proc.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, limitedTo, run, scriptCommand } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const MiB = 1 << 20
const WAITS = 5000

/** What a program of this runtime's says; it may open so many descriptors. */
async function limited(descriptors, script, ...args) {
  // What V8 sets aside for young objects grows as it likes: not here, where one looks at the memory.
  const flags = isNode ? ['--expose-gc', '--max-semi-space-size=1'] : []
  const command = [process.execPath, ...flags, ...scriptCommand(fixture(script), ...args)]
  const { code, signal, stdout, stderr } = await run('env', [...limitedTo(descriptors), ...command]).ended
  assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr)
  return reports(stdout)
}

const limit = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim()
const manyDescriptors = needs('12,000 descriptors', limit === 'unlimited' || Number(limit) >= 12_000)

// ── Many ──

test(`${WAITS} children that end in a burst: ${WAITS} right statuses`, {
  contract: 'W4',
  ...manyDescriptors,
}, async () => {
  const [{ before, pending, whileReading, right, left }] = await limited(12_000, 'process/wait-for-burst.mjs', WAITS)
  assert.equal(right, WAITS)
  assert.equal(left.children, 0)
  // One descriptor each, and files are read meanwhile: no wait is in the pool of threads that does that.
  assert.equal(pending.descriptors - before.descriptors, WAITS)
  assert.equal(whileReading, 0)
  // libuv watches on Node.js, and elsewhere one thread does.
  assert.equal(pending.threadsOfOurs, isNode ? 0 : 1)
  if (isNode) {
    assert.equal(pending.threads, before.threads)
    assert.equal(left.threads, before.threads)
    assert.ok(pending.resident - before.resident < 10 * MiB, `${(pending.resident - before.resident) / MiB} MiB`)
  }
})

test(`${WAITS} children that end at any time, while others are started: ${WAITS} right statuses`, {
  contract: 'W4 W7',
}, async () => {
  const [said] = await limited(2_000, 'process/wait-while-starting.mjs', WAITS)
  assert.deepEqual(said, { right: WAITS, wrong: [], exits: WAITS / 10, busy: true, children: 0, open: 0 })
})

test('100,000 waits one after the other: as many descriptors and as much memory as before', {
  contract: 'W4',
}, async () => {
  const count = 100_000
  const said = await limited(1_000, 'process/wait-serially.mjs', count)
  assert.deepEqual(
    said.map(({ right }) => right),
    Array.from({ length: 10 }, (_, index) => ((index + 1) * count) / 10),
  )
  for (const { open, children } of said) assert.deepEqual([open, children], [said[0].open, said[0].children])
  // What the engine makes of its first turns is its own affair.
  const grown = (what) => said.at(-1)[what] - said[1][what]
  if (isNode) {
    assert.ok(grown('heap') < MiB, `${grown('heap') / MiB} MiB of objects`)
    assert.ok(grown('resident') < 8 * MiB, `${grown('resident') / MiB} MiB`)
  }
})

test('three waits at once on one child resolve with one status, 300 times', { contract: 'W3' }, async (t) => {
  for (let round = 0; round < 300; round++) {
    const child = shell(t, `exit ${round % 256}`)
    const waits = [wait(child.pid), wait(child.pid, { observe: true }), child.wait()]
    // In every order.
    if (round % 2) waits.push(wait(child.pid))
    for (const status of await Promise.all(waits)) assert.deepEqual(told(status), exited(child.pid, round % 256))
    assert.equal(stat(child.pid), null)
    child.close()
  }
})

// ── Too many ──

const EMFILE = { code: 'EMFILE', errno: -24 }

for (const [who, title] of [
  ['spawn', ''],
  ['child_process', ', and wait() is called for the first time'],
]) {
  for (const free of [0, 1, 2, 3, 4, 5]) {
    test(`with ${free} descriptors left${title}, what needs more is EMFILE, and then all works again`, {
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

// What wakes the event loop is not to be lost on its way to its own end: that happens once in twenty, if it does.
test('nothing keeps the event loop alive after the last wait, 100 times', { contract: 'W5' }, async () => {
  const program = () =>
    run(process.execPath, scriptCommand(fixture('process/wait-and-end.mjs')), { timeout: 15_000 }).ended
  for (let round = 0; round < 25; round++) {
    for (const { code, signal, stderr } of await Promise.all(Array.from({ length: 4 }, program)))
      assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr)
  }
})

test('wait() works in a worker thread', { contract: 'W5' }, async (t) => {
  const worker = await caller(t)
  const sh = (script) => worker.call('spawn', 'sh', ['-c', script], { stdio: 'ignore' })
  const [one, other] = [await sh('exit 3'), await sh('exec sleep 1000')]
  assert.deepEqual(told(await worker.call('wait', one)), exited(one, 3))
  const waiting = worker.call('wait', other)
  process.kill(other, 'SIGTERM')
  assert.deepEqual(told(await waiting), killed(other, 'SIGTERM'))
  assert.equal(stat(other), null)
})

test('a worker thread waits for a child of the main thread, while that waits for it, too', {
  contract: 'W5',
}, async (t) => {
  const worker = await caller(t)
  const { pid } = shell(t, 'exec sleep 1000')
  const waits = [worker.call('wait', pid, { observe: true }), worker.call('wait', pid), wait(pid)]
  // The worker has been told when it has answered.
  await worker.call('getpgid')
  process.kill(pid, 'SIGUSR1')
  for (const status of await Promise.all(waits)) assert.deepEqual(told(status), killed(pid, 'SIGUSR1'))
})

test('a child that a worker thread has given up is reaped, also when that thread has ended', {
  contract: 'W5',
}, async (t) => {
  const worker = await caller(t)
  const pid = await worker.call('giveUp', 'exec sleep 1000')
  await worker.worker.terminate()
  process.kill(pid, 'SIGTERM')
  await until(() => stat(pid) === null, 'it is reaped')
})

for (const [how, title, codes] of [
  ['terminate', 'worker.terminate() with 50 waits pending', [1]],
  ['exit', 'process.exit() of a worker with 50 waits pending', [5]],
  ['unref', 'the end of a worker whose 50 pending waits are unref()ed', [0]],
]) {
  test(`${title} is safe and leaves nothing, 20 times`, { contract: 'W5' }, async () => {
    const [said] = await limited(4_000, 'process/abandon-waits.mjs', how, 20)
    const { before, after, ...rest } = said
    assert.deepEqual(rest, { codes, reapers: 1, left: [], signal: 'SIGHUP' })
    if (isNode) assert.deepEqual(after, before)
  })
}

test('process.exit() with 50 waits pending is safe, 20 times', { contract: 'W5' }, async (t) => {
  for (let round = 0; round < 20; round++) {
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
