// Process: wait(), kill(), close() and garbage collection; and openProcess().
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import fs from 'node:fs'
import { openProcess, wait, waitpid } from '../../index.js'
import { exited, grandchild, killed, shell, sleeper, told, unknown } from '../helpers/children.mjs'
import { hasProgram, isRoot, needs, test } from '../helpers/harness.mjs'
import { descriptors, isAlive, stat } from '../helpers/proc.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, run, scriptCommand } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const NOBODY = 2 ** 31 - 1

const isZombie = (pid) => until(() => stat(pid)?.state === 'Z', `${pid} is a zombie`)

test('Process wait(): each call resolves, before and after the end', { contract: 'P4' }, async (t) => {
  const child = shell(t, 'kill -STOP $$; exit 11')
  await until(() => stat(child.pid).state === 'T')
  const waits = Array.from({ length: 100 }, () => child.wait())
  child.kill('SIGCONT')
  const [first, ...rest] = await Promise.all(waits)
  assert.deepEqual(told(first), exited(child.pid, 11))
  for (const status of rest) assert.deepEqual(status, first)
  assert.equal(stat(child.pid), null)
  for (let i = 0; i < 100; i++) assert.deepEqual(await child.wait(), first)
})

test('Process wait(): resolves for a zombie', { contract: 'P4' }, async (t) => {
  const child = shell(t, 'exit 12')
  await isZombie(child.pid)
  assert.deepEqual(told(await child.wait()), exited(child.pid, 12))
})

test('Process kill(): sends SIGTERM, or a signal by name or number', { contract: 'P3' }, async (t) => {
  for (const [args, signal] of [
    [[], 'SIGTERM'],
    [['SIGKILL'], 'SIGKILL'],
    [['SIGUSR2'], 'SIGUSR2'],
    [[1], 'SIGHUP'],
    [[36], 'SIGRTMIN+2'],
    [['SIGRTMIN'], 'SIGRTMIN'],
    [['SIGRTMIN+1'], 'SIGRTMIN+1'],
    [['SIGRTMIN+30'], 'SIGRTMIN+30'],
  ]) {
    const child = sleeper(t)
    assert.equal(child.kill(...args), true)
    assert.deepEqual(told(await child.wait()), killed(child.pid, signal))
  }
})

test('Process kill(): 0 sends nothing; returns false after the end', { contract: 'P3' }, async (t) => {
  for (const child of [sleeper(t), openProcess(sleeper(t).pid)]) {
    for (let i = 0; i < 3; i++) assert.equal(child.kill(0), true)
    assert.equal(isAlive(child.pid), true)
    child.kill()
    waitpid(child.pid)
    for (const signal of [undefined, 0, 'SIGKILL']) assert.equal(child.kill(signal), false)
    await child.wait()
    for (const signal of [undefined, 0, 'SIGKILL']) assert.equal(child.kill(signal), false)
    child.close()
  }
})

test('Process kill(): throws for a value that is no signal', { contract: 'P3' }, (t) => {
  const child = sleeper(t)
  for (const signal of ['SIGNOTHING', 'KILL', '', -1, 65, 1.5, Number.NaN, null, {}]) {
    assert.throws(() => child.kill(signal), { code: /^ERR_(INVALID_ARG_TYPE|INVALID_ARG_VALUE|OUT_OF_RANGE)$/ })
  }
  assert.equal(waitpid(child.pid, { nohang: true }), null)
})

const choosesPids = isRoot && hasProgram('unshare') && fs.existsSync('/proc/sys/kernel/ns_last_pid')

test('Process kill(): does not reach another process with the same pid', {
  contract: 'P3',
  ...needs('root, unshare and ns_last_pid', choosesPids),
}, async () => {
  const script = [process.execPath, ...scriptCommand(fixture('process/reuse-child-pid.mjs'))]
  const { stdout, stderr } = await run('unshare', ['-pf', '--mount-proc', ...script]).ended
  assert.deepEqual(reports(stdout), [{ isStrangers: true, killed: false, lives: true }], stderr)
})

test('Process kill(): throws EPERM for another user’s process', {
  contract: 'P3',
  ...needs('root and setpriv', isRoot && hasProgram('setpriv')),
}, async (t) => {
  const { pid } = sleeper(t)
  const args = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath]
  const { stdout, stderr } = await run('setpriv', [
    ...args,
    ...scriptCommand(fixture('process/signal-process.mjs'), pid),
  ]).ended
  assert.deepEqual(reports(stdout), [{ code: 'EPERM', errno: -1, syscall: 'pidfd_send_signal' }], stderr)
})

const CLOSED = { code: 'ERR_PROCNATIVE_PROCESS_CLOSED' }

for (const [how, close] of Object.entries({
  'close()': (child) => child.close(),
  '[Symbol.dispose]()': (child) => child[Symbol.dispose](),
})) {
  test(`Process ${how}: the child goes on and is reaped at its end`, { contract: 'P4' }, async (t) => {
    const child = sleeper(t)
    const { pid } = child
    const waiting = child.wait()
    const another = wait(pid, { observe: true })
    for (let i = 0; i < 3; i++) close(child)
    assert.throws(() => child.kill(0), CLOSED)
    await assert.rejects(child.wait(), CLOSED)
    assert.equal(child.pid, pid)
    assert.equal(isAlive(pid), true)
    process.kill(pid, 'SIGTERM')
    // Pending waits still resolve.
    for (const status of [await waiting, await another]) assert.deepEqual(told(status), killed(pid, 'SIGTERM'))
    await until(() => stat(pid) === null, 'the child is reaped')
  })

  test(`Process ${how}: reaps dead and running children without a wait`, { contract: 'P4' }, async (t) => {
    const [dead, alive] = [shell(t, 'exit 0'), sleeper(t)]
    await isZombie(dead.pid)
    for (const child of [dead, alive]) close(child)
    await until(() => stat(dead.pid) === null, 'the dead child is reaped')
    assert.equal(isAlive(alive.pid), true)
    process.kill(alive.pid, 'SIGKILL')
    await until(() => stat(alive.pid) === null, 'the killed child is reaped')
  })
}

test('Process: a collected object is still reaped, its waits resolve', { contract: 'P4' }, async () => {
  const execArgv = ['--expose-gc']
  const ways = { deno: ['run', '-A', '--v8-flags=--expose-gc'], bun: [] }
  const [way] = Object.keys(ways).filter((name) => name in process.versions)
  const args = [...(ways[way] ?? execArgv), fixture('process/collect-children.mjs')]
  const { code, stdout, stderr } = await run(process.execPath, args).ended
  assert.deepEqual(reports(stdout), [{ short: 0 }, { long: true }, { ended: 0 }, { waited: true }], stderr)
  assert.equal(code, 0, stderr)
})

// ── openProcess() ──

test('openProcess(): wait() leaves the status to the parent', { contract: 'W3' }, async (t) => {
  const child = await grandchild(t, 'exit 5', 'wait $!; echo $?')
  const { pid } = child
  const stranger = openProcess(pid)
  assert.deepEqual([stranger.pid, stranger.stdio, stranger.kill(0)], [pid, [], true])
  const waiting = stranger.wait()
  child.end()
  const status = await waiting
  assert.deepEqual(told(status), status.state === 'unknown' ? unknown(pid) : exited(pid, 5))
  assert.equal(await child.status(), '5')
  assert.equal(stranger.kill(0), false)
  assert.deepEqual(await stranger.wait(), status)
  stranger.close()
})

test('openProcess(): of a child, wait() and close() leave the zombie', { contract: 'W3' }, async (t) => {
  const { pid } = shell(t, 'exit 13')
  const opened = openProcess(pid)
  assert.deepEqual(told(await opened.wait()), exited(pid, 13))
  opened.close()
  await new Promise(setImmediate)
  assert.equal(stat(pid).state, 'Z')
  assert.deepEqual(told(waitpid(pid)), exited(pid, 13))
})

test('openProcess(): throws ESRCH without a process, ENOENT or EINVAL for threads', { contract: 'W3' }, async () => {
  assert.throws(() => openProcess(NOBODY), { code: 'ESRCH', errno: -3, syscall: 'pidfd_open' })
  const thread = fs
    .readdirSync('/proc/self/task')
    .map(Number)
    .find((id) => id !== process.pid)
  // Newer kernels return ENOENT.
  const expected = ({ code, syscall }) => ['ENOENT', 'EINVAL'].includes(code) && syscall === 'pidfd_open'
  assert.throws(() => openProcess(thread), expected)
  await assert.rejects(wait(thread), expected)
})

test('openProcess(): owns one descriptor until close()', { contract: 'W3' }, (t) => {
  const { pid } = sleeper(t)
  const count = () => Object.values(descriptors()).filter((what) => what.includes('pidfd')).length
  const before = count()
  const opened = Array.from({ length: 50 }, () => openProcess(pid))
  assert.equal(count(), before + 50)
  for (const one of opened) one.close()
  assert.equal(count(), before)
})
