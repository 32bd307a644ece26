// Owners of children: the runtime waits for the children of child_process, and must receive their statuses.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { exec, execFile, execFileSync, fork, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { openProcess, wait, waitpid } from '../../index.js'
import { assertStatus, caller, exited, killed, shell, sleeper, told } from '../helpers/children.mjs'
import { hasProgram, isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { stat } from '../helpers/proc.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, runScript } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const CODE = 'ERR_PROCNATIVE_CHILD_OWNED'
const ECHILD = { code: 'ECHILD', errno: -10 }
const knowsOwners = needs('Node.js, which reports its children', isNode)

/** Starts a child of child_process, and ends it with the test. */
function owned(context, script, options = {}) {
  const child = spawn('sh', ['-c', script], { stdio: 'ignore', ...options })
  return watched(context, child)
}

function watched(context, child) {
  const exit = once(child, 'exit')
  context.after(async () => {
    child.kill('SIGKILL')
    await exit
  })
  return { child, exit, pid: child.pid }
}

// The advice names wait() only, because waitpid() has no option `observe`.
const cure = (pid) =>
  pid > 0 ? new RegExp(`Use wait\\(${pid}, \\{ observe: true \\}\\)`) : /Use the pid of a single child/

async function assertRefused(pid) {
  for (const options of [{}, { nohang: true }, { untraced: true }, { continued: true }]) {
    assert.throws(() => waitpid(pid, options), { code: CODE, pid, message: cure(pid) })
  }
  for (const options of [{}, { observe: false }]) await assert.rejects(wait(pid, options), { code: CODE, pid })
}

/** Blocks the event loop until a child has ended. */
function endOf(pid) {
  while (stat(pid).state !== 'Z');
}

// ── A child of child_process ──

test("wait(), waitpid(): refuse a child of child_process, 'exit' comes", {
  contract: 'W2',
  ...knowsOwners,
}, async (t) => {
  const { exit, pid } = owned(t, 'exit 12')
  await assertRefused(pid)
  assert.deepEqual(await exit, [12, null])
})

test('wait(), waitpid(): refuse its zombie until the runtime reaps it', {
  contract: 'W2',
  ...knowsOwners,
}, async (t) => {
  const { exit, pid } = owned(t, 'kill -TERM $$')
  endOf(pid)
  assert.throws(() => waitpid(pid), { code: CODE, pid })
  assert.throws(() => waitpid(-1), { code: CODE })
  await assert.rejects(wait(pid), { code: CODE, pid })
  assert.deepEqual(await exit, [null, 'SIGTERM'])
})

for (const [what, start] of Object.entries({
  exec: () => exec('exec sleep 1000'),
  execFile: () => execFile('sleep', ['1000']),
  fork: () => fork(fixture('process/sleep.mjs'), ['1000'], { stdio: 'ignore' }),
})) {
  test(`wait(), waitpid(): refuse a child of ${what}()`, { contract: 'W2', ...knowsOwners }, async (t) => {
    const { pid } = watched(t, start())
    await assertRefused(pid)
  })
}

for (const call of ['waitpid', 'wait']) {
  test(`${call}(): \`force\` takes a child of child_process`, { contract: 'W2' }, async () => {
    const { code, stdout, stderr } = await runScript(fixture('process/take-owned-child.mjs'), [call])
    assert.equal(code, 0, stderr)
    const [refused, { child, ...status }] = reports(stdout)
    assert.deepEqual(refused, { refused: true, code: CODE, pid: child })
    assert.deepEqual(told(status), exited(child, 11))
  })
}

test('waitpid(): `nowait` leaves the status of a child to child_process', { contract: 'W2' }, async (t) => {
  const { exit, pid } = owned(t, 'exit 13')
  assert.deepEqual(told(waitpid(pid, { nowait: true })), exited(pid, 13))
  assert.deepEqual(await exit, [13, null])
})

for (const [what, observe] of Object.entries({
  'wait() `observe`': (pid) => wait(pid, { observe: true }),
  'openProcess().wait()': (pid) => openProcess(pid).wait(),
})) {
  test(`${what}: leaves the status of a child to child_process`, { contract: 'W2' }, async (t) => {
    const { child, exit, pid } = owned(t, 'exec sleep 1000')
    const observed = observe(pid)
    child.kill('SIGHUP')
    assert.deepEqual(await exit, [null, 'SIGHUP'])
    assertStatus(await observed, killed(pid, 'SIGHUP'))
  })
}

test("wait(), waitpid(): find no child after its 'exit' event", { contract: 'W2', ...knowsOwners }, async (t) => {
  const { exit, pid } = owned(t, 'exit 0')
  await exit
  assert.throws(() => waitpid(pid), ECHILD)
  assert.throws(() => waitpid(-1), ECHILD)
  await assert.rejects(wait(pid), { code: 'ESRCH', errno: -3 })
})

test("waitpid(): finds no child after its end, without 'exit' listeners", {
  contract: 'W2',
  ...knowsOwners,
}, async (t) => {
  const child = spawn('sh', ['-c', 'exit 0'], { stdio: 'ignore' })
  child.removeAllListeners('exit')
  assert.throws(() => waitpid(child.pid), { code: CODE, pid: child.pid })
  await until(() => stat(child.pid) === null, 'the runtime has waited for it')
  assert.throws(() => waitpid(child.pid), ECHILD)
  assert.throws(() => waitpid(-1), ECHILD)
  // Removing the listeners of an ended child changes nothing.
  child.removeAllListeners()
  shell(t, 'exit 14')
  assert.equal(waitpid(-1).exitCode, 14)
})

test('waitpid(): refuses a running child whose object was collected', { contract: 'W2', ...knowsOwners }, async () => {
  const { stdout, stderr } = await runScript(fixture('process/wait-for-forgotten-child.mjs'), [], {
    execArgv: ['--expose-gc'],
  })
  assert.deepEqual(reports(stdout), [{ code: 'ERR_PROCNATIVE_CHILD_OWNED' }], stderr)
})

test('waitpid(-1): a failed start of child_process leaves no owned child', {
  contract: 'W2',
  ...knowsOwners,
}, async (t) => {
  for (let i = 0; i < 20; i++) {
    const child = spawn('/no such program')
    const failed = once(child, 'error')
    assert.equal(child.pid, undefined)
    assert.throws(() => waitpid(-1), ECHILD)
    assert.equal((await failed)[0].code, 'ENOENT')
    assert.throws(() => waitpid(-1), ECHILD)
    assert.throws(() => spawn('true', ['x'.repeat(1 << 20)]), { code: 'E2BIG' })
    assert.equal(spawnSync('/no such program').error.code, 'ENOENT')
    assert.equal(spawnSync('true').status, 0)
    const { pid } = shell(t, 'exit 15')
    assert.deepEqual(told(waitpid(-1)), exited(pid, 15))
  }
})

// ── Any child, and groups ──

test('waitpid(-1): refused while child_process has a child, except `nowait`, `force`', {
  contract: 'W2',
  ...knowsOwners,
}, async (t) => {
  const { child, exit, pid } = owned(t, 'exec sleep 1000')
  const ours = shell(t, 'exit 16')
  assert.throws(() => waitpid(-1), { code: CODE, pid })
  assert.throws(() => waitpid(-1, { nohang: true }), { code: CODE, pid })
  assert.deepEqual(told(waitpid(-1, { nowait: true })), exited(ours.pid, 16))
  assert.deepEqual(told(waitpid(-1, { force: true })), exited(ours.pid, 16))
  assert.equal(waitpid(-1, { force: true, nohang: true }), null)
  child.kill()
  await exit
  assert.throws(() => waitpid(-1), ECHILD)
})

test('waitpid(0): refused while child_process has a child in the group', {
  contract: 'W2',
  ...knowsOwners,
}, async (t) => {
  const { exit, child, pid } = owned(t, 'exec sleep 1000')
  const ours = shell(t, 'exit 17')
  assert.throws(() => waitpid(0), { code: CODE, pid })
  assert.deepEqual(told(waitpid(0, { nowait: true })), exited(ours.pid, 17))
  assert.deepEqual(told(waitpid(0, { force: true })), exited(ours.pid, 17))
  child.kill()
  await exit
  assert.throws(() => waitpid(0), ECHILD)
})

test('waitpid(-pgid): refused while child_process has a child in that group', {
  contract: 'W2',
  ...knowsOwners,
}, async (t) => {
  const { pid } = owned(t, 'exec sleep 1000', { detached: true })
  const ours = sleeper(t, { processGroup: 0 })
  await until(() => stat(pid).pgrp === pid, 'the child leads a group')
  assert.throws(() => waitpid(-pid), { code: CODE, pid })
  assert.equal(waitpid(-pid, { nowait: true, nohang: true }), null)
  // These groups have no child of the runtime.
  assert.throws(() => waitpid(0, { nohang: true }), ECHILD)
  assert.equal(waitpid(-ours.pid, { nohang: true }), null)
  ours.kill('SIGINT')
  assert.deepEqual(told(waitpid(-ours.pid)), killed(ours.pid, 'SIGINT'))
})

const readsSyscalls = fs.existsSync('/proc/self/syscall') && process.arch === 'x64'

test('waitpid(-pgid): refused when such a child joins during the wait', {
  contract: 'W2',
  ...needs('Node.js, python3 and /proc/PID/syscall', isNode && hasProgram('python3') && readsSyscalls),
}, async () => {
  const { stdout, stderr } = await runScript(fixture('process/join-awaited-group.mjs'))
  assert.deepEqual(reports(stdout), [{ code: CODE, isIts: true }, { exit: [23, null] }], stderr)
})

// ── Threads ──

test("wait(), waitpid(): refuse another thread's child, its 'exit' comes there", {
  contract: 'W2',
  ...knowsOwners,
}, async (t) => {
  const worker = await caller(t)
  const pid = await worker.call('start', 'exec sleep 1000')
  await assertRefused(pid)
  const observed = wait(pid, { observe: true })
  process.kill(pid, 'SIGUSR1')
  assert.deepEqual(await worker.exitOf(pid), { pid, code: null, signal: 'SIGUSR1' })
  assertStatus(await observed, killed(pid, 'SIGUSR1'))
})

test('worker thread: refuses children of both threads', { contract: 'W2', ...knowsOwners }, async (t) => {
  const worker = await caller(t)
  const { pid } = owned(t, 'exec sleep 1000')
  const own = await worker.call('start', 'exec sleep 1000')
  for (const one of [pid, own]) {
    await assert.rejects(worker.call('waitpid', one, { nohang: true }), { code: CODE, pid: one })
    await assert.rejects(worker.call('wait', one), { code: CODE, pid: one })
  }
  await assert.rejects(worker.call('waitpid', -1, { nohang: true }), { code: CODE, pid: own })
  process.kill(own, 'SIGKILL')
  assert.deepEqual(await worker.exitOf(own), { pid: own, code: null, signal: 'SIGKILL' })
})

test('wait(), waitpid(): take a child that spawn() started in another thread', { contract: 'W2' }, async (t) => {
  const worker = await caller(t)
  for (const [code, ended] of [
    [18, async (pid) => waitpid(pid)],
    [19, (pid) => wait(pid)],
  ]) {
    const pid = await worker.call('spawn', 'sh', ['-c', `exit ${code}`], { stdio: 'ignore' })
    assert.deepEqual(told(await ended(pid)), exited(pid, code))
    assert.equal(stat(pid), null)
  }
})

test('waitpid(-1), waitpid(0): only the thread’s children, except `nowait`, `force`', {
  contract: 'W2',
  ...knowsOwners,
}, async (t) => {
  const worker = await caller(t)
  const pid = await worker.call('spawn', 'sh', ['-c', 'exit 20'], { stdio: 'ignore' })
  await until(() => stat(pid).state === 'Z', 'the child has ended')
  for (const any of [-1, 0]) {
    assert.throws(() => waitpid(any, { nohang: true }), ECHILD)
    assert.deepEqual(told(waitpid(any, { nowait: true })), exited(pid, 20))
  }
  assert.deepEqual(told(waitpid(-1, { force: true })), exited(pid, 20))
})

// ── Bun and Deno ──

test('Bun, Deno: wait() and waitpid() refuse children of other APIs', {
  contract: 'W2',
  ...needs('Bun or Deno', !isNode),
}, async (t) => {
  const { exit, pid } = owned(t, 'exit 21')
  const ours = shell(t, 'exit 22')
  await assertRefused(pid)
  for (const any of [-1, 0, -ours.pid]) assert.throws(() => waitpid(any), { code: CODE, pid: any })
  assert.deepEqual(told(waitpid(ours.pid)), exited(ours.pid, 22))
  assert.deepEqual(await exit, [21, null])
})

// ── Both wait at once ──

const SIGNALS = ['SIGTERM', 'SIGKILL', 'SIGINT', 'SIGHUP']

/** Returns the planned ends of children: every fourth child dies of a signal, the others exit with all codes. */
function endings(count) {
  return Array.from({ length: count }, (_, index) => {
    if (index % 4 !== 0) return { code: index % 256, signal: null, script: `exit ${index % 256}` }
    const signal = SIGNALS[(index / 4) % SIGNALS.length]
    return { code: null, signal, script: `kill -${signal.slice(3)} $$` }
  })
}

/** Starts children of child_process and observes each; `areTold()` compares their 'exit' events and statuses. */
function observed(context, count, before) {
  const all = endings(count).map(({ script, ...ending }) => {
    const { exit, pid } = owned(context, `${before}${script}`)
    return { ending, pid, exit, status: wait(pid, { observe: true }) }
  })
  const pids = all.map(({ pid }) => pid)
  const expected = all.map(({ ending: { code, signal }, pid }) => (signal ? killed(pid, signal) : exited(pid, code)))
  return {
    pids,
    async areTold() {
      const exits = await Promise.all(all.map(({ exit }) => exit))
      assert.deepEqual(
        exits,
        all.map(({ ending }) => [ending.code, ending.signal]),
      )
      const statuses = await Promise.all(all.map(({ status }) => status))
      for (const [index, status] of statuses.entries()) assertStatus(status, expected[index])
    },
  }
}

test('wait() `observe`: 500 children of child_process have right events and statuses', {
  contract: 'W2',
}, async (t) => {
  await observed(t, 500, '').areTold()
})

test('wait() `observe`: 500 children end while the event loop is blocked', {
  contract: 'W2',
  ...needs('mkfifo', hasProgram('mkfifo')),
}, async (t) => {
  const directory = temporary(t)
  const [gate, log] = ['gate', 'log'].map((name) => path.join(directory, name))
  execFileSync('mkfifo', [gate])
  fs.writeFileSync(log, '')
  const open = fs.openSync(gate, 'r+')
  const { pids, areTold } = observed(t, 500, `exec 3<'${gate}'; echo >>'${log}'; read line <&3; `)
  await until(() => fs.statSync(log).size === 500, 'all children are at the gate')
  fs.closeSync(open)
  // A runtime with a thread for waiting reaps them meanwhile.
  while (!pids.every((pid) => ['Z', undefined].includes(stat(pid)?.state)));
  await areTold()
})
