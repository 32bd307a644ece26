// The lock on a pid file, which makes a daemon the only one.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { daemonStatus, spawnDaemon } from '../../index.js'
import { end } from '../helpers/daemon.mjs'
import { hasProgram, needs, temporary, test } from '../helpers/harness.mjs'
import {
  killDaemon,
  locker,
  mode,
  NOT_RUNNING,
  newPidFile,
  read,
  refusal,
  start,
  startForeground,
  stranger,
} from '../helpers/pid-file.mjs'
import { descriptors, isAlive } from '../helpers/proc.mjs'
import { repetitions } from '../helpers/repetitions.mjs'
import { fixture, run, runScript } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const ROUNDS = repetitions(20)
// Each fourth point has the same stage.
const POINTS = 4 * repetitions(10)

const python = needs('python3', hasProgram('python3'))

/** A daemon's lock is longer than any file. The excess is its fingerprint. */
const LONGEST_FILE = 2 ** 61
const extentOf = ({ length }) => (length >= LONGEST_FILE ? 'file' : length === 1 ? 'byte' : length)

/** Starts a process that tries to start a daemon at each order: see fixtures/contender.cjs. */
async function contender(context) {
  const child = spawn(process.execPath, [fixture('daemon/contender.cjs')], { stdio: ['pipe', 'pipe', 'inherit'] })
  const said = []
  createInterface({ input: child.stdout }).on('line', (line) => said.push(JSON.parse(line)))
  const one = { child, code: undefined, ended: new Promise((resolve) => child.on('close', resolve)) }
  one.ended.then((code) => {
    one.code = code
  })
  one.attempt = (pidFile) => child.stdin.write(`${pidFile}\n`)
  one.answer = () => said.shift()
  context.after(() => {
    child.stdin.end()
    return one.ended
  })
  await until(() => one.answer(), 'the contender is ready')
  return one
}

test('pidFile: one of 50 concurrent starts wins, the others name it', { contract: 'D19' }, async (t) => {
  const pidFile = newPidFile(t)
  let contenders = await Promise.all(Array.from({ length: 50 }, () => contender(t)))
  for (let round = 0; round < ROUNDS; round++) {
    // Even rounds start without a file, odd rounds over the file of the round before.
    if (round % 2 === 0) fs.rmSync(pidFile, { force: true })
    for (const one of contenders) one.attempt(pidFile)
    const outcomes = await Promise.all(
      contenders.map((one) => until(() => one.answer() ?? (one.code === undefined ? null : { exit: one.code }))),
    )
    const pid = Number(read(pidFile))
    t.after(() => end(pid))
    const losses = outcomes.filter(({ exit }) => exit === undefined)
    assert.deepEqual(
      outcomes.filter(({ exit }) => exit !== undefined),
      [{ exit: 0 }],
    )
    assert.deepEqual(losses, Array(49).fill({ code: 'ERR_PROCNATIVE_ALREADY_RUNNING', pid }))
    assert.equal(isAlive(pid), true)
    assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
    await killDaemon(pid, pidFile)
    contenders = [...contenders.filter((_, index) => outcomes[index].exit === undefined), await contender(t)]
  }
})

test('pidFile: two processes never hold the lock at once', { contract: 'D19 D20' }, async (t) => {
  const pidFile = newPidFile(t)
  const results = await Promise.all(
    Array.from({ length: 4 }, () => runScript(fixture('daemon/lock-race.cjs'), [pidFile, 50 * ROUNDS])),
  )
  assert.deepEqual(
    results.map(({ code, stderr }) => ({ code, stderr })),
    results.map(() => ({ code: 0, stderr: '' })),
  )
  assert.equal(fs.existsSync(pidFile), false)
})

test('pidFile: another program sees an OFD write lock on the file', { contract: 'D19', ...python }, async (t) => {
  const pidFile = newPidFile(t)
  await start(t, { pidFile })
  const { length, ...lock } = await locker(t).ask(pidFile)
  // The kernel reports the owner of an OFD lock as -1.
  assert.deepEqual(lock, { kind: 'write', start: 0, pid: -1 })
  assert.ok(length >= LONGEST_FILE, length)
})

test('pidFile: the lock keeps other programs from locking any byte', { contract: 'D19', ...python }, async (t) => {
  const pidFile = newPidFile(t)
  await start(t, { pidFile })
  const { tryLock } = locker(t)
  for (const kind of ['read', 'write']) {
    for (const [first, length] of [
      [0, 1],
      [1, 0],
      [100, 1],
    ]) {
      assert.equal(await tryLock(pidFile, kind, first, length), 'EAGAIN')
    }
  }
})

test('pidFile: stays locked from launcher to daemon', { contract: 'D19', ...python }, async (t) => {
  const pidFile = newPidFile(t)
  fs.writeFileSync(pidFile, '')
  const { watch, seen } = locker(t)
  for (let round = 0; round < repetitions(10); round++) {
    await watch(pidFile)
    const { pid } = await start(t, { pidFile })
    await killDaemon(pid, pidFile)
    const states = (await seen(pidFile)).map((lock) => lock && `${lock.kind} ${lock.start} ${extentOf(lock)}`)
    // The lock of the first byte is short, and the watching thread may miss it.
    const steps = states.filter((state) => state !== 'write 0 byte')
    assert.deepEqual(steps, [null, 'write 0 file', null])
    assert.ok(states.length === 3 || states[1] === 'write 0 byte', states.join())
  }
})

const turns = async (count) => {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate)
}

test('pidFile: a launcher killed at any point leaves no stale lock', { contract: 'D19' }, async (t) => {
  const pidFile = newPidFile(t)
  const log = path.join(temporary(t), 'log')
  const options = JSON.stringify({ pidFile, stdout: log })
  const reached = { 'before the lock': 0, 'with the lock': 0, ready: 0 }
  for (let point = 0; point < POINTS; point++) {
    fs.rmSync(log, { force: true })
    const { child, ended } = run(process.execPath, [fixture('pid-file-daemon.cjs'), options])
    // Points 0, 4, …: before the lock. 1 and 2: with the lock. 3: after the first line of the daemon.
    if (point % 4 === 0) await turns(point)
    else await until(() => daemonStatus(pidFile).running)
    if (point % 4 === 2) await turns(point * 30)
    if (point % 4 === 3) await until(() => fs.existsSync(log) && read(log).includes('\n'))
    const { running } = daemonStatus(pidFile)
    child.kill('SIGKILL')
    const { code } = await ended
    reached[code === 0 ? 'ready' : running ? 'with the lock' : 'before the lock']++
    const { pid } = await until(() => {
      const status = daemonStatus(pidFile)
      // A daemon that must die may still be starting.
      return (!status.running || isReady(status.pid)) && status
    })
    if (pid === null) continue
    assert.equal(read(pidFile), `${pid}\n`)
    await killDaemon(pid, pidFile)
  }
  for (const stage of ['before the lock', 'with the lock']) assert.notEqual(reached[stage], 0, `no kill ${stage}`)
  // The next start succeeds.
  const { pid } = await start(t, { pidFile })
  assert.equal(read(pidFile), `${pid}\n`)
})

/** Returns true if a daemon has closed the link, and so no longer dies with its launcher. */
function isReady(pid) {
  if (pid === null || !isAlive(pid)) return false
  const open = Object.values(descriptorsOf(pid))
  return open.length > 0 && !open.some((what) => what.startsWith('socket:'))
}

function descriptorsOf(pid) {
  try {
    return descriptors(pid)
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
    return {}
  }
}

test('pidFile: a living child does not hold the lock, daemon killed', { contract: 'D19' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid, child } = await start(t, { pidFile }, { how: 'have a child' })
  t.after(() => end(child))
  assert.ok(Object.values(descriptors(pid)).includes(pidFile))
  assert.ok(!Object.values(descriptors(child)).includes(pidFile))
  await killDaemon(pid, pidFile)
  assert.equal(isAlive(child), true)
  const next = await start(t, { pidFile })
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid: next.pid })
})

test('pidFile: a child does not hold the lock, foreground', { contract: 'D19' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid, child, ended } = await startForeground(t, { pidFile }, { how: 'have a child' })
  t.after(() => end(child))
  assert.ok(Object.values(descriptors(pid)).includes(pidFile))
  assert.ok(!Object.values(descriptors(child)).includes(pidFile))
  process.kill(pid, 'SIGKILL')
  await ended
  assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
})

for (const umask of ['000', '777']) {
  test(`pidFile: has mode 0600, umask ${umask}`, { contract: 'D19' }, async (t) => {
    const pidFile = newPidFile(t)
    await start(t, { pidFile }, { prefix: ['bash', '-c', `umask ${umask} && exec "$0" "$@"`] })
    assert.equal(mode(pidFile), 0o600)
  })
}

test('pidFile: has mode 0600, file readable by others before', { contract: 'D19' }, async (t) => {
  const pidFile = newPidFile(t)
  fs.writeFileSync(pidFile, '', { mode: 0o644 })
  await start(t, { pidFile })
  assert.equal(mode(pidFile), 0o600)
})

for (const [what, first, length] of [
  ['the whole file', 0, 0],
  ['the first byte', 0, 1],
  ['later bytes', 1, 0],
]) {
  test(`pidFile: a foreign read lock on ${what} throws EAGAIN`, { contract: 'D19', ...python }, async (t) => {
    const pidFile = newPidFile(t)
    const { lock, unlock } = locker(t)
    for (const foreground of [false, true]) {
      await lock(pidFile, 'read', first, length)
      assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
      const error = await refusal(t, { pidFile, foreground })
      assert.deepEqual(error, { code: 'EAGAIN', syscall: 'fcntl', path: pidFile })
      await unlock(pidFile)
    }
    const { pid } = await start(t, { pidFile })
    assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
  })
}

test('pidFile: throws without a pid, another start on its way', { contract: 'D19', ...python }, async (t) => {
  const pidFile = newPidFile(t)
  await locker(t).lock(pidFile, 'write', 0, 1)
  for (const foreground of [false, true]) {
    assert.deepEqual(await refusal(t, { pidFile, foreground }), { code: 'ERR_PROCNATIVE_ALREADY_RUNNING', pid: null })
  }
})

test('pidFile: throws without a pid, file names a stranger', { contract: 'D19', ...python }, async (t) => {
  const pidFile = newPidFile(t)
  await locker(t).lock(pidFile, 'write')
  fs.writeFileSync(pidFile, `${stranger(t)}\n`)
  for (const foreground of [false, true]) {
    assert.deepEqual(await refusal(t, { pidFile, foreground }), { code: 'ERR_PROCNATIVE_ALREADY_RUNNING', pid: null })
  }
})

// A lock can outlive its daemon for a moment:
// 1. The process that started the daemon clones another child, which inherits the descriptor of the lock.
// 2. The daemon ends before that child calls exec, which closes the descriptor.
for (const [what, start] of [
  ['of a dead daemon', 0],
  ['of a failed start', 1],
]) {
  test(`spawnDaemon(): waits for the lock ${what}`, { contract: 'D20', ...python }, async (t) => {
    const pidFile = newPidFile(t)
    const { lock, unlock } = locker(t)
    await lock(pidFile, 'write', 0, start)
    const started = spawnDaemon('sleep', ['1000'], { pidFile })
    await unlock(pidFile)
    const { pid } = await started
    t.after(() => end(pid))
    assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
  })
}
