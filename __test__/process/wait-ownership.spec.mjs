// W2: whose a child is. The runtime waits for those of child_process, and is to get what it waits for.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { exec, execFile, execFileSync, fork, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { openProcess, wait, waitpid } from '../../index.js'
import { caller, exited, isStatus, killed, shell, sleeper, told } from '../helpers/children.mjs'
import { hasProgram, isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { stat } from '../helpers/proc.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, runScript } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const CODE = 'ERR_PROCNATIVE_CHILD_OWNED'
const ECHILD = { code: 'ECHILD', errno: -10 }
const knowsOwners = needs('Node.js, which tells of its children', isNode)

/** A child of child_process's, and its 'exit' event. Ended when the test is over. */
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

// For wait() only, because waitpid() has no such option.
const cure = (pid) => (pid > 0 ? new RegExp(`Use wait\\(${pid}, \\{ observe: true \\}\\)`) : /Name a single child/)

async function isRefused(pid) {
  for (const options of [{}, { nohang: true }, { untraced: true }, { continued: true }]) {
    assert.throws(() => waitpid(pid, options), { code: CODE, pid, message: cure(pid) })
  }
  for (const options of [{}, { observe: false }]) await assert.rejects(wait(pid, options), { code: CODE, pid })
}

/** Holds the event loop up until a child has ended. */
function endOf(pid) {
  while (stat(pid).state !== 'Z');
}

// ── A child of child_process ──

test("a consuming wait for a child of child_process is refused, and its 'exit' event comes", {
  contract: 'W2',
  ...knowsOwners,
}, async (t) => {
  const { exit, pid } = owned(t, 'exit 12')
  await isRefused(pid)
  assert.deepEqual(await exit, [12, null])
})

test('also once it has ended, until the runtime has waited for it', { contract: 'W2', ...knowsOwners }, async (t) => {
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
  test(`a child of ${what}() is refused, too`, { contract: 'W2', ...knowsOwners }, async (t) => {
    const { pid } = watched(t, start())
    await isRefused(pid)
  })
}

for (const call of ['waitpid', 'wait']) {
  test(`${call}() with \`force\` takes it`, { contract: 'W2' }, async () => {
    const { code, stdout, stderr } = await runScript(fixture('process/take-owned-child.mjs'), [call])
    assert.equal(code, 0, stderr)
    const [refused, { child, ...status }] = reports(stdout)
    assert.deepEqual(refused, { refused: true, code: CODE, pid: child })
    assert.deepEqual(told(status), exited(child, 11))
  })
}

test('`nowait` looks at it and takes nothing away', { contract: 'W2' }, async (t) => {
  const { exit, pid } = owned(t, 'exit 13')
  assert.deepEqual(told(waitpid(pid, { nowait: true })), exited(pid, 13))
  assert.deepEqual(await exit, [13, null])
})

for (const [what, observe] of Object.entries({
  'wait() with `observe`': (pid) => wait(pid, { observe: true }),
  'openProcess().wait()': (pid) => openProcess(pid).wait(),
})) {
  test(`${what} tells its end and takes nothing away`, { contract: 'W2' }, async (t) => {
    const { child, exit, pid } = owned(t, 'exec sleep 1000')
    const observed = observe(pid)
    child.kill('SIGHUP')
    assert.deepEqual(await exit, [null, 'SIGHUP'])
    isStatus(await observed, killed(pid, 'SIGHUP'))
  })
}

test("after its 'exit' event it is nobody's", { contract: 'W2', ...knowsOwners }, async (t) => {
  const { exit, pid } = owned(t, 'exit 0')
  await exit
  assert.throws(() => waitpid(pid), ECHILD)
  assert.throws(() => waitpid(-1), ECHILD)
  await assert.rejects(wait(pid), { code: 'ESRCH', errno: -3 })
})

test("also where the user has removed all listeners for 'exit'", { contract: 'W2', ...knowsOwners }, async (t) => {
  const child = spawn('sh', ['-c', 'exit 0'], { stdio: 'ignore' })
  child.removeAllListeners('exit')
  assert.throws(() => waitpid(child.pid), { code: CODE, pid: child.pid })
  await until(() => stat(child.pid) === null, 'the runtime has waited for it')
  assert.throws(() => waitpid(child.pid), ECHILD)
  assert.throws(() => waitpid(-1), ECHILD)
  // Nor later, whatever is done to the object.
  child.removeAllListeners()
  shell(t, 'exit 14')
  assert.equal(waitpid(-1).exitCode, 14)
})

test('one that nobody has an object of any more is refused while it runs', {
  contract: 'W2',
  ...knowsOwners,
}, async () => {
  const { stdout, stderr } = await runScript(fixture('process/wait-for-forgotten-child.mjs'), [], {
    execArgv: ['--expose-gc'],
  })
  assert.deepEqual(reports(stdout), [{ code: 'ERR_PROCNATIVE_CHILD_OWNED' }], stderr)
})

test('a spawn of child_process that failed leaves nothing owned', { contract: 'W2', ...knowsOwners }, async (t) => {
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

test('waitpid(-1) is refused while there is one, unless `nowait` or `force`', {
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

test('waitpid(0) is refused while there is one in the group of the caller', {
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

test('waitpid(-pgid) is refused while there is one in that group, and no other', {
  contract: 'W2',
  ...knowsOwners,
}, async (t) => {
  const { pid } = owned(t, 'exec sleep 1000', { detached: true })
  const ours = sleeper(t, { processGroup: 0 })
  await until(() => stat(pid).pgrp === pid, 'it has a group of its own')
  assert.throws(() => waitpid(-pid), { code: CODE, pid })
  assert.equal(waitpid(-pid, { nowait: true, nohang: true }), null)
  // There is none of the runtime's in these.
  assert.throws(() => waitpid(0, { nohang: true }), ECHILD)
  assert.equal(waitpid(-ours.pid, { nohang: true }), null)
  ours.kill('SIGINT')
  assert.deepEqual(told(waitpid(-ours.pid)), killed(ours.pid, 'SIGINT'))
})

const readsSyscalls = fs.existsSync('/proc/self/syscall') && process.arch === 'x64'

test('and where one comes into that group while waitpid(-pgid) waits', {
  contract: 'W2',
  ...needs('Node.js, python3 and /proc/PID/syscall', isNode && hasProgram('python3') && readsSyscalls),
}, async () => {
  const { stdout, stderr } = await runScript(fixture('process/join-awaited-group.mjs'))
  assert.deepEqual(reports(stdout), [{ code: CODE, isIts: true }, { exit: [23, null] }], stderr)
})

// ── Threads ──

test("a child_process child of another thread is refused, and its 'exit' event comes there", {
  contract: 'W2',
  ...knowsOwners,
}, async (t) => {
  const worker = await caller(t)
  const pid = await worker.call('start', 'exec sleep 1000')
  await isRefused(pid)
  const observed = wait(pid, { observe: true })
  process.kill(pid, 'SIGUSR1')
  assert.deepEqual(await worker.exitOf(pid), { pid, code: null, signal: 'SIGUSR1' })
  isStatus(await observed, killed(pid, 'SIGUSR1'))
})

test('in a worker thread, one of its own and one of the main thread are refused', {
  contract: 'W2',
  ...knowsOwners,
}, async (t) => {
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

test('what procnative has spawned in another thread can be waited for', { contract: 'W2' }, async (t) => {
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

test('-1 and 0 look at the children of the calling thread only, unless `nowait` or `force`', {
  contract: 'W2',
  ...knowsOwners,
}, async (t) => {
  const worker = await caller(t)
  const pid = await worker.call('spawn', 'sh', ['-c', 'exit 20'], { stdio: 'ignore' })
  await until(() => stat(pid).state === 'Z', 'it has ended')
  for (const any of [-1, 0]) {
    assert.throws(() => waitpid(any, { nohang: true }), ECHILD)
    assert.deepEqual(told(waitpid(any, { nowait: true })), exited(pid, 20))
  }
  assert.deepEqual(told(waitpid(-1, { force: true })), exited(pid, 20))
})

// ── Bun and Deno ──

test('where a runtime does not tell of its children, all that procnative has not spawned is refused', {
  contract: 'W2',
  ...needs('Bun or Deno', !isNode),
}, async (t) => {
  const { exit, pid } = owned(t, 'exit 21')
  const ours = shell(t, 'exit 22')
  await isRefused(pid)
  for (const any of [-1, 0, -ours.pid]) assert.throws(() => waitpid(any), { code: CODE, pid: any })
  assert.deepEqual(told(waitpid(ours.pid)), exited(ours.pid, 22))
  assert.deepEqual(await exit, [21, null])
})

// ── Both wait at once ──

const SIGNALS = ['SIGTERM', 'SIGKILL', 'SIGINT', 'SIGHUP']

/** Every fourth is killed, and the others exit with as many codes as there are. */
function endings(count) {
  return Array.from({ length: count }, (_, index) => {
    if (index % 4 !== 0) return { code: index % 256, signal: null, script: `exit ${index % 256}` }
    const signal = SIGNALS[(index / 4) % SIGNALS.length]
    return { code: null, signal, script: `kill -${signal.slice(3)} $$` }
  })
}

/** Children of child_process, all of which are observed. What was asked for, the 'exit' events, and the statuses. */
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
      for (const [index, status] of statuses.entries()) isStatus(status, expected[index])
    },
  }
}

test("500 children of child_process, observed: 500 'exit' events and 500 right statuses", {
  contract: 'W2',
}, async (t) => {
  await observed(t, 500, '').areTold()
})

test('500 that end all at once, while the event loop is held up', {
  contract: 'W2',
  ...needs('mkfifo', hasProgram('mkfifo')),
}, async (t) => {
  const directory = temporary(t)
  const [gate, log] = ['gate', 'log'].map((name) => path.join(directory, name))
  execFileSync('mkfifo', [gate])
  fs.writeFileSync(log, '')
  const open = fs.openSync(gate, 'r+')
  const { pids, areTold } = observed(t, 500, `exec 3<'${gate}'; echo >>'${log}'; read line <&3; `)
  await until(() => fs.statSync(log).size === 500, 'all of them are at the gate')
  fs.closeSync(open)
  // A runtime that has a thread for it reaps them meanwhile.
  while (!pids.every((pid) => ['Z', undefined].includes(stat(pid)?.state)));
  await areTold()
})
