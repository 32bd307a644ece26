// D21: stopDaemon().

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import procnative from '../../index.js'
import { end } from '../helpers/daemon.mjs'
import { hasProgram, isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import {
  AS_NOBODY,
  askElsewhere,
  locker,
  namedBy,
  newPidFile,
  start,
  startForeground,
  stranger,
} from '../helpers/pid-file.mjs'
import { isAlive } from '../helpers/proc.mjs'
import { reportsSoFar } from '../helpers/report.mjs'
import { fixture, run } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const { daemonStatus, spawnDaemon, stopDaemon } = procnative
const python = needs('python3', hasProgram('python3'))
const strace = needs('strace', hasProgram('strace'))
const root = needs('root', isRoot)

const NOT_RUNNING = { running: false, pid: null }
const read = (file) => fs.readFileSync(file, 'utf8')

/** Waits until a daemon that ignores SIGTERM has told that it got one. */
const signalled = (log) => until(() => read(log).includes('\nSIGTERM\n'), 'SIGTERM has come')

test('stopDaemon() ends the daemon by SIGTERM, and resolves when it is gone and its lock free', {
  contract: 'D21',
}, async (t) => {
  const pidFile = newPidFile(t)
  for (let round = 0; round < 5; round++) {
    const { pid } = await start(t, { pidFile })
    assert.deepEqual(await stopDaemon(pidFile), { pid, killed: false })
    assert.equal(isAlive(pid), false)
    assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
  }
})

test('a relative path is by the caller’s directory', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile })
  assert.deepEqual(await stopDaemon(path.relative(process.cwd(), pidFile)), { pid, killed: false })
})

test('one in the foreground is stopped as well', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid, ended } = await startForeground(t, { pidFile })
  assert.deepEqual(await stopDaemon(pidFile), { pid, killed: false })
  assert.equal((await ended).signal, 'SIGTERM')
})

test('stopDaemon() is null where nothing runs, and whom the file names lives', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  assert.equal(await stopDaemon(pidFile), null)
  assert.equal(fs.existsSync(pidFile), false)
  const other = stranger(t)
  for (const content of [`${other}\n`, `${process.pid}\n`, '', 'garbage', '-1\n', '0\n']) {
    fs.writeFileSync(pidFile, content)
    assert.equal(await stopDaemon(pidFile), null)
    assert.equal(read(pidFile), content)
  }
  assert.equal(isAlive(other), true)
})

test('a file that was removed leads to no daemon, and that one lives', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile })
  fs.writeFileSync(`${pidFile}.new`, read(pidFile))
  fs.renameSync(`${pidFile}.new`, pidFile)
  assert.equal(await stopDaemon(pidFile), null)
  assert.equal(isAlive(pid), true)
})

test('one that ignores SIGTERM is killed past the time-out', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile }, { how: 'ignore SIGTERM' })
  assert.deepEqual(await stopDaemon(pidFile, { timeout: 200 }), { pid, killed: true })
  assert.equal(isAlive(pid), false)
  assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
})

test('with kill: false it is ERR_PROCNATIVE_STOP_TIMEOUT, and it lives', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile }, { how: 'ignore SIGTERM' })
  const expected = { code: 'ERR_PROCNATIVE_STOP_TIMEOUT', pid, timeout: 200 }
  await assert.rejects(stopDaemon(pidFile, { timeout: 200, kill: false }), expected)
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
})

test('another signal is sent instead', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid, log } = await start(t, { pidFile }, { how: 'end by SIGINT' })
  assert.deepEqual(await stopDaemon(pidFile, { signal: 'SIGINT' }), { pid, killed: false })
  assert.match(read(log), /\nSIGINT\n$/)
  assert.equal(fs.existsSync(pidFile), false)
})

test('SIGKILL as the signal is no killing after a time-out', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile }, { how: 'ignore SIGTERM' })
  assert.deepEqual(await stopDaemon(pidFile, { signal: 'SIGKILL' }), { pid, killed: false })
})

test('the event loop goes on while stopDaemon() waits', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid, log } = await start(t, { pidFile }, { how: 'ignore SIGTERM' })
  let over = false
  const stop = stopDaemon(pidFile, { timeout: 60_000 }).finally(() => {
    over = true
  })
  await signalled(log)
  for (let turn = 0; turn < 1000; turn++) await new Promise(setImmediate)
  assert.equal(over, false)
  process.kill(pid, 'SIGUSR2')
  assert.deepEqual(await stop, { pid, killed: false })
})

test('a pending stopDaemon() keeps the process alive until it is over', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile }, { how: 'ignore SIGTERM' })
  const { value } = await askElsewhere([], 'stopDaemon', pidFile, { timeout: 300 })
  assert.deepEqual(value, { pid, killed: true })
})

test('two stops at once both learn of its end, and of none the one that comes late', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile })
  const results = await Promise.all([1, 2, 3, 4].map(() => stopDaemon(pidFile)))
  const known = results.filter((result) => result !== null)
  assert.notEqual(known.length, 0)
  for (const result of known) assert.deepEqual(result, { pid, killed: false })
  assert.equal(await stopDaemon(pidFile), null)
})

test('stops at once of one that ignores SIGTERM wait for the same end', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid, log } = await start(t, { pidFile }, { how: 'ignore SIGTERM' })
  const stops = [1, 2, 3].map(() => stopDaemon(pidFile, { timeout: 60_000 }))
  await signalled(log)
  process.kill(pid, 'SIGUSR2')
  // One that looked too late has found none.
  const results = (await Promise.all(stops)).filter((result) => result !== null)
  assert.notEqual(results.length, 0)
  for (const result of results) assert.deepEqual(result, { pid, killed: false })
})

test('200 stops that race a daemon’s own end are null or its pid, and never an error', {
  contract: 'D21',
}, async (t) => {
  const pidFile = newPidFile(t)
  for (let round = 0; round < 200; round++) {
    // From one that ends at once to one that has to be stopped.
    const { pid } = await spawnDaemon('sleep', [String((round % 20) / 4000)], { pidFile })
    t.after(() => end(pid))
    const result = await stopDaemon(pidFile, { timeout: 60_000 })
    if (result !== null) assert.deepEqual(result, { pid, killed: false })
    assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
  }
})

test('while daemons come and go, neither status nor stop names one that is not of this file', {
  contract: 'D21',
}, async (t) => {
  const pidFile = newPidFile(t)
  const pids = new Set()
  for (let round = 0; round < 100; round++) {
    const { pid } = await spawnDaemon('sleep', ['1000'], { pidFile })
    t.after(() => end(pid))
    pids.add(pid)
    const stops = [stopDaemon(pidFile), stopDaemon(pidFile)]
    await until(() => {
      const status = daemonStatus(pidFile)
      if (status.running) assert.ok(status.pid === pid || status.pid === null)
      else assert.equal(status.pid, null)
      return !status.running
    })
    for (const result of await Promise.all(stops)) if (result !== null) assert.deepEqual(result, { pid, killed: false })
  }
})

test('who is the daemon no longer when its pidfd is open is not signalled, and who is by then is stopped', {
  contract: 'D21',
  ...needs('strace and python3', hasProgram('strace') && hasProgram('python3')),
}, async (t) => {
  const pidFile = newPidFile(t)
  const [old, next] = [locker(t), locker(t)]
  const holds = async (one) => {
    await one.lock(pidFile, 'write')
    fs.writeFileSync(pidFile, `${one.pid}\n`)
  }
  await holds(old)
  // Whoever opens a pidfd is stopped when it has got that.
  const trace = path.join(temporary(t), 'trace')
  const hold = ['-e', 'trace=pidfd_open', '-e', 'inject=pidfd_open:signal=SIGSTOP:when=1']
  const asked = askElsewhere(['strace', '-f', '-o', trace, ...hold], 'stopDaemon', pidFile)
  const held = () => fs.existsSync(trace) && read(trace).match(/^(\d+) +--- stopped by SIGSTOP/m)
  const [, stopped] = await until(held, 'it is held')
  await old.unlock(pidFile)
  await holds(next)
  process.kill(Number(stopped), 'SIGCONT')
  assert.deepEqual(await asked, { value: { pid: next.pid, killed: false } })
  assert.equal(isAlive(old.pid), true)
})

test('one that is being started is waited for, and then stopped', { contract: 'D21', ...strace }, async (t) => {
  const pidFile = newPidFile(t)
  const log = path.join(temporary(t), 'log')
  const trace = path.join(temporary(t), 'trace')
  const old = stranger(t)
  fs.writeFileSync(pidFile, `${old}\n`)
  const node = [process.execPath, fixture('attempt.cjs'), JSON.stringify({ pidFile, stdout: log })]
  // The daemon is held for a while where it is about to write its pid.
  const delay = ['-e', 'trace=pwrite64', '-e', 'inject=pwrite64:delay_enter=500000']
  const { ended } = run('strace', ['-f', '-qq', '-o', trace, ...delay, ...node])
  const begun = await until(() => [daemonStatus(pidFile)].find(({ running }) => running))
  assert.equal(begun.pid, null)
  const { pid, killed } = await stopDaemon(pidFile)
  assert.equal(killed, false)
  assert.notEqual(pid, old)
  assert.equal(isAlive(old), true)
  assert.equal(isAlive(pid), false)
  const { stdout, stderr } = await ended
  // It was stopped before it was ready.
  assert.equal(JSON.parse(stdout || stderr).code, 'ERR_PROCNATIVE_DAEMON_EXITED')
})

/** A process that takes the pid file as soon as it can; `has(what)` waits until it has told that. */
async function standby(context, pidFile) {
  const { child, ended } = run(process.execPath, [fixture('daemon/stands-by.mjs'), pidFile])
  context.after(() => end(child.pid).then(() => ended))
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += chunk
  })
  const has = (what) => until(() => reportsSoFar(text).some((one) => what in one), `it is ${what}`)
  await has('refused')
  return { pid: child.pid, has }
}

for (const [how, begin, options] of [
  ['dies of the signal', (_, pidFile) => spawnDaemon('sleep', ['1000'], { pidFile }), {}],
  ['exits', (context, pidFile) => start(context, { pidFile }, { how: 'end by SIGINT' }), { signal: 'SIGINT' }],
]) {
  test(`stopDaemon(): signals no standby that takes the file, daemon ${how}`, async (t) => {
    for (let round = 0; round < 20; round++) {
      const pidFile = newPidFile(t)
      const { pid } = await begin(t, pidFile)
      t.after(() => end(pid))
      const next = await standby(t, pidFile)
      assert.deepEqual(await stopDaemon(pidFile, options), { pid, killed: false })
      await next.has('taken')
      assert.deepEqual(daemonStatus(pidFile), { running: true, pid: next.pid })
      assert.deepEqual(await stopDaemon(pidFile), { pid: next.pid, killed: false })
    }
  })
}

test('where a start does not come to its pid, it is ERR_PROCNATIVE_HOLDER_UNKNOWN', {
  contract: 'D21',
  ...python,
}, async (t) => {
  const pidFile = newPidFile(t)
  const holder = locker(t)
  await holder.lock(pidFile, 'write', 0, 1)
  fs.writeFileSync(pidFile, `${holder.pid}\n`)
  await assert.rejects(stopDaemon(pidFile), { code: 'ERR_PROCNATIVE_HOLDER_UNKNOWN' })
  assert.equal(isAlive(holder.pid), true)
})

test('where the file is locked and names a stranger, nobody is signalled', {
  contract: 'D21',
  ...python,
}, async (t) => {
  const pidFile = newPidFile(t)
  const holder = locker(t)
  const other = stranger(t)
  await holder.lock(pidFile, 'write')
  for (const content of [`${other}\n`, '2147483647\n', 'garbage', '']) {
    fs.writeFileSync(pidFile, content)
    await assert.rejects(stopDaemon(pidFile), { code: 'ERR_PROCNATIVE_HOLDER_UNKNOWN' }, content)
  }
  assert.equal(isAlive(other), true)
  assert.equal(isAlive(holder.pid), true)
})

test('where the file is locked and names who asks, that one is not signalled', {
  contract: 'D21',
  ...python,
}, async (t) => {
  const pidFile = newPidFile(t)
  await locker(t).lock(pidFile, 'write')
  const { code } = await askElsewhere(namedBy(pidFile), 'stopDaemon', pidFile)
  assert.equal(code, 'ERR_PROCNATIVE_HOLDER_UNKNOWN')
})

test('a program that is none of ours, but locks its file and names itself, is stopped', {
  contract: 'D21',
  ...python,
}, async (t) => {
  const pidFile = newPidFile(t)
  const holder = locker(t)
  await holder.lock(pidFile, 'write')
  fs.writeFileSync(pidFile, `${holder.pid}\n`)
  assert.deepEqual(await stopDaemon(pidFile), { pid: holder.pid, killed: false })
  assert.equal((await holder.ended).signal, 'SIGTERM')
})

test('who may not read the file is told EACCES, and the daemon lives', { contract: 'D21', ...root }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile })
  const { message, ...error } = await askElsewhere(AS_NOBODY, 'stopDaemon', pidFile)
  assert.deepEqual(error, { code: 'EACCES', syscall: 'open', path: pidFile })
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
})

test('who may not signal the daemon is told EPERM, and it lives', { contract: 'D21', ...root }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile })
  fs.chmodSync(pidFile, 0o644)
  const { message, ...error } = await askElsewhere(AS_NOBODY, 'stopDaemon', pidFile)
  assert.deepEqual(error, { code: 'EPERM', syscall: 'pidfd_send_signal' })
  assert.match(message, /^EPERM: operation not permitted, pidfd_send_signal/)
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
})

test('a user stops a daemon of his own', { contract: 'D21', ...root }, async (t) => {
  const pidFile = newPidFile(t)
  const log = path.join(path.dirname(pidFile), 'log')
  const { pid } = await start(t, { pidFile, stdout: log }, { prefix: AS_NOBODY })
  assert.deepEqual(await askElsewhere(AS_NOBODY, 'stopDaemon', pidFile), { value: { pid, killed: false } })
})

test('a symbolic link is ELOOP, and the daemon that it leads to lives', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile })
  fs.symlinkSync(pidFile, `${pidFile}.link`)
  const expected = { code: 'ELOOP', syscall: 'open', path: `${pidFile}.link` }
  await assert.rejects(stopDaemon(`${pidFile}.link`), expected)
  assert.equal(isAlive(pid), true)
})

test('a FIFO at the path is no daemon, and takes no waiting', {
  contract: 'D21',
  ...needs('mkfifo', hasProgram('mkfifo')),
}, async (t) => {
  const pidFile = newPidFile(t)
  await run('mkfifo', [pidFile]).ended
  assert.equal(await stopDaemon(pidFile), null)
})
