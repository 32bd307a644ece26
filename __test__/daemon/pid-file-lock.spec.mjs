// D19: the lock on a pid file, by which one daemon is the only one.

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
import { fixture, run, runScript } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const python = needs('python3', hasProgram('python3'))

/** A daemon's lock is longer than any file. The excess is its fingerprint. */
const LONGEST_FILE = 2 ** 61
const extentOf = ({ length }) => (length >= LONGEST_FILE ? 'file' : length === 1 ? 'byte' : length)

/** A process that tries to start a daemon whenever it is told to: see fixtures/contender.cjs. */
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
  await until(() => one.answer(), 'the contender is there')
  return one
}

test('of 50 concurrent starts one daemon lives, and 49 throw ERR_PROCNATIVE_ALREADY_RUNNING with its pid', {
  contract: 'D19',
}, async (t) => {
  const pidFile = newPidFile(t)
  let contenders = await Promise.all(Array.from({ length: 50 }, () => contender(t)))
  for (let round = 0; round < 20; round++) {
    // By turns over the file that the one before has left, and where there is none.
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

test('processes that lock and let go without a pause are never two at once, nor without their file', {
  contract: 'D19 D20',
}, async (t) => {
  const pidFile = newPidFile(t)
  const results = await Promise.all(
    Array.from({ length: 4 }, () => runScript(fixture('daemon/lock-race.cjs'), [pidFile, 1000])),
  )
  assert.deepEqual(
    results.map(({ code, stderr }) => ({ code, stderr })),
    results.map(() => ({ code: 0, stderr: '' })),
  )
  assert.equal(fs.existsSync(pidFile), false)
})

test('another program sees an OFD write lock on the whole file', { contract: 'D19', ...python }, async (t) => {
  const pidFile = newPidFile(t)
  await start(t, { pidFile })
  const { length, ...lock } = await locker(t).ask(pidFile)
  // The owner of an OFD lock is told as -1.
  assert.deepEqual(lock, { kind: 'write', start: 0, pid: -1 })
  assert.ok(length >= LONGEST_FILE, length)
})

test('the lock keeps another program from locking any byte', { contract: 'D19', ...python }, async (t) => {
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

test('from launcher to daemon there is no moment without the lock', { contract: 'D19', ...python }, async (t) => {
  const pidFile = newPidFile(t)
  fs.writeFileSync(pidFile, '')
  const { watch, seen } = locker(t)
  for (let round = 0; round < 10; round++) {
    await watch(pidFile)
    const { pid } = await start(t, { pidFile })
    await killDaemon(pid, pidFile)
    const states = (await seen(pidFile)).map((lock) => lock && `${lock.kind} ${lock.start} ${extentOf(lock)}`)
    // The first byte is locked for a short time only, and may have been missed.
    const steps = states.filter((state) => state !== 'write 0 byte')
    assert.deepEqual(steps, [null, 'write 0 file', null])
    assert.ok(states.length === 3 || states[1] === 'write 0 byte', states.join())
  }
})

const turns = async (count) => {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate)
}

test('a launcher killed at any of 40 points leaves no lock, or that of a daemon that was not killed', {
  contract: 'D19',
}, async (t) => {
  const pidFile = newPidFile(t)
  const log = path.join(temporary(t), 'log')
  const options = JSON.stringify({ pidFile, stdout: log })
  const reached = { 'before the lock': 0, 'with the lock': 0, ready: 0 }
  for (let point = 0; point < 40; point++) {
    fs.rmSync(log, { force: true })
    const { child, ended } = run(process.execPath, [fixture('ending.cjs'), options])
    // A quarter before there is a lock, a quarter when the daemon has spoken, the others in between.
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
      // A daemon that is to die may be on its way yet.
      return (!status.running || isReady(status.pid)) && status
    })
    if (pid === null) continue
    assert.equal(read(pidFile), `${pid}\n`)
    await killDaemon(pid, pidFile)
  }
  for (const stage of ['before the lock', 'with the lock']) assert.notEqual(reached[stage], 0, `no kill ${stage}`)
  // Whatever they have left, a start succeeds.
  const { pid } = await start(t, { pidFile })
  assert.equal(read(pidFile), `${pid}\n`)
})

/** Whether a daemon has let go of its launcher: it has closed the link, and is not about to die without it. */
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

test('a child of the daemon has not got the lock: with it alive after kill -9, a start succeeds', {
  contract: 'D19',
}, async (t) => {
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

test('in the foreground too, a child has not got the lock', { contract: 'D19' }, async (t) => {
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
  test(`the file has mode 0600, whatever the umask: ${umask}`, { contract: 'D19' }, async (t) => {
    const pidFile = newPidFile(t)
    await start(t, { pidFile }, { prefix: ['bash', '-c', `umask ${umask} && exec "$0" "$@"`] })
    assert.equal(mode(pidFile), 0o600)
  })
}

test('a file that was readable by others has mode 0600 afterwards', { contract: 'D19' }, async (t) => {
  const pidFile = newPidFile(t)
  fs.writeFileSync(pidFile, '', { mode: 0o644 })
  await start(t, { pidFile })
  assert.equal(mode(pidFile), 0o600)
})

for (const [what, first, length] of [
  ['the whole file', 0, 0],
  ['its first byte', 0, 1],
  ['what follows its first byte', 1, 0],
]) {
  test(`somebody else’s read lock on ${what} is EAGAIN, and no daemon that runs`, {
    contract: 'D19',
    ...python,
  }, async (t) => {
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

test('while another start is on its way and its pid not known, a start throws with pid: null', {
  contract: 'D19',
  ...python,
}, async (t) => {
  const pidFile = newPidFile(t)
  await locker(t).lock(pidFile, 'write', 0, 1)
  for (const foreground of [false, true]) {
    assert.deepEqual(await refusal(t, { pidFile, foreground }), { code: 'ERR_PROCNATIVE_ALREADY_RUNNING', pid: null })
  }
})

test('where the file names a stranger and not who has the lock, a start throws with pid: null', {
  contract: 'D19',
  ...python,
}, async (t) => {
  const pidFile = newPidFile(t)
  await locker(t).lock(pidFile, 'write')
  fs.writeFileSync(pidFile, `${stranger(t)}\n`)
  for (const foreground of [false, true]) {
    assert.deepEqual(await refusal(t, { pidFile, foreground }), { code: 'ERR_PROCNATIVE_ALREADY_RUNNING', pid: null })
  }
})

// A daemon's lock outlives it for a moment, if another child of who has started it was cloned then and has not come to its exec.
for (const [what, start] of [
  ['that of one that has ended', 0],
  ['for a start that comes to nothing', 1],
]) {
  test(`spawnDaemon() waits for a lock of nobody, ${what}, and starts when it is let go`, {
    contract: 'D20',
    ...python,
  }, async (t) => {
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
