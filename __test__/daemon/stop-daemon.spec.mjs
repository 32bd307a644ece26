// stopDaemon(): signals, time-outs, races, and files that name other processes.

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
import { repetitions } from '../helpers/repetitions.mjs'
import { reportsSoFar } from '../helpers/report.mjs'
import { fixture, run } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const { daemonStatus, spawnDaemon, stopDaemon } = procnative
const python = needs('python3', hasProgram('python3'))
const strace = needs('strace', hasProgram('strace'))
const root = needs('root', isRoot)

const NOT_RUNNING = { running: false, pid: null }
const read = (file) => fs.readFileSync(file, 'utf8')

/** Waits until a daemon that ignores SIGTERM reports one. */
const signalled = (log) => until(() => read(log).includes('\nSIGTERM\n'), 'SIGTERM has come')

test('stopDaemon(): ends the daemon by SIGTERM, resolves when it is gone', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  for (let round = 0; round < repetitions(5); round++) {
    const { pid } = await start(t, { pidFile })
    assert.deepEqual(await stopDaemon(pidFile), { pid, killed: false })
    assert.equal(isAlive(pid), false)
    assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
  }
})

test('stopDaemon(): takes a relative path', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile })
  assert.deepEqual(await stopDaemon(path.relative(process.cwd(), pidFile)), { pid, killed: false })
})

test('stopDaemon(): stops a foreground daemon', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid, ended } = await startForeground(t, { pidFile })
  assert.deepEqual(await stopDaemon(pidFile), { pid, killed: false })
  assert.equal((await ended).signal, 'SIGTERM')
})

test('stopDaemon(): resolves with null and signals nothing, no daemon', { contract: 'D21' }, async (t) => {
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

test('stopDaemon(): leaves the daemon of a replaced file alone', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile })
  fs.writeFileSync(`${pidFile}.new`, read(pidFile))
  fs.renameSync(`${pidFile}.new`, pidFile)
  assert.equal(await stopDaemon(pidFile), null)
  assert.equal(isAlive(pid), true)
})

test('stopDaemon(): kills a daemon that ignores SIGTERM, past the timeout', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile }, { how: 'ignore SIGTERM' })
  assert.deepEqual(await stopDaemon(pidFile, { timeout: 200 }), { pid, killed: true })
  assert.equal(isAlive(pid), false)
  assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
})

test('stopDaemon(): rejects with ERR_PROCNATIVE_STOP_TIMEOUT, kill: false', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile }, { how: 'ignore SIGTERM' })
  const expected = { code: 'ERR_PROCNATIVE_STOP_TIMEOUT', pid, timeout: 200 }
  await assert.rejects(stopDaemon(pidFile, { timeout: 200, kill: false }), expected)
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
})

test('stopDaemon(): sends another signal', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid, log } = await start(t, { pidFile }, { how: 'end by SIGINT' })
  assert.deepEqual(await stopDaemon(pidFile, { signal: 'SIGINT' }), { pid, killed: false })
  assert.match(read(log), /\nSIGINT\n$/)
  assert.equal(fs.existsSync(pidFile), false)
})

test('stopDaemon(): killed is false, SIGKILL as the signal', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile }, { how: 'ignore SIGTERM' })
  assert.deepEqual(await stopDaemon(pidFile, { signal: 'SIGKILL' }), { pid, killed: false })
})

test('stopDaemon(): the event loop goes on while it waits', { contract: 'D21' }, async (t) => {
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

test('stopDaemon(): keeps the process alive while it is pending', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile }, { how: 'ignore SIGTERM' })
  const { value } = await askElsewhere([], 'stopDaemon', pidFile, { timeout: 300 })
  assert.deepEqual(value, { pid, killed: true })
})

test('stopDaemon(): concurrent calls agree, a late call gets null', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile })
  const results = await Promise.all([1, 2, 3, 4].map(() => stopDaemon(pidFile)))
  const known = results.filter((result) => result !== null)
  assert.notEqual(known.length, 0)
  for (const result of known) assert.deepEqual(result, { pid, killed: false })
  assert.equal(await stopDaemon(pidFile), null)
})

test('stopDaemon(): concurrent calls wait for the same end, SIGTERM ignored', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid, log } = await start(t, { pidFile }, { how: 'ignore SIGTERM' })
  const stops = [1, 2, 3].map(() => stopDaemon(pidFile, { timeout: 60_000 }))
  await signalled(log)
  process.kill(pid, 'SIGUSR2')
  // A late call found no daemon.
  const results = (await Promise.all(stops)).filter((result) => result !== null)
  assert.notEqual(results.length, 0)
  for (const result of results) assert.deepEqual(result, { pid, killed: false })
})

test('stopDaemon(): never fails when it races the daemon’s own end', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  for (let round = 0; round < 20 * repetitions(10); round++) {
    // 20 lifetimes: from a daemon that ends at once to a daemon that lives until SIGTERM.
    const { pid } = await spawnDaemon('sleep', [String((round % 20) / 4000)], { pidFile })
    t.after(() => end(pid))
    const result = await stopDaemon(pidFile, { timeout: 60_000 })
    if (result !== null) assert.deepEqual(result, { pid, killed: false })
    assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
  }
})

test('daemonStatus(), stopDaemon(): name no other process, daemons come and go', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  const pids = new Set()
  for (let round = 0; round < repetitions(100); round++) {
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

test('stopDaemon(): signals only the new holder, holder changed meanwhile', {
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
  // strace stops the caller when it has opened a pidfd.
  const trace = path.join(temporary(t), 'trace')
  const hold = ['-e', 'trace=pidfd_open', '-e', 'inject=pidfd_open:signal=SIGSTOP:when=1']
  const asked = askElsewhere(['strace', '-f', '-o', trace, ...hold], 'stopDaemon', pidFile)
  const held = () => fs.existsSync(trace) && read(trace).match(/^(\d+) +--- stopped by SIGSTOP/m)
  const [, stopped] = await until(held, 'the caller is stopped')
  await old.unlock(pidFile)
  await holds(next)
  process.kill(Number(stopped), 'SIGCONT')
  assert.deepEqual(await asked, { value: { pid: next.pid, killed: false } })
  assert.equal(isAlive(old.pid), true)
})

test('stopDaemon(): waits for a start, then stops its daemon', { contract: 'D21', ...strace }, async (t) => {
  const pidFile = newPidFile(t)
  const log = path.join(temporary(t), 'log')
  const trace = path.join(temporary(t), 'trace')
  const old = stranger(t)
  fs.writeFileSync(pidFile, `${old}\n`)
  const node = [process.execPath, fixture('report-refusal.cjs'), JSON.stringify({ pidFile, stdout: log })]
  // strace holds the daemon before it writes its pid.
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
  // The daemon ended before it was ready.
  assert.equal(JSON.parse(stdout || stderr).code, 'ERR_PROCNATIVE_DAEMON_EXITED')
})

/** Starts a process that takes the pid file as soon as it can. `has(what)` waits until the process reports `what`. */
async function standby(context, pidFile) {
  const { child, ended } = run(process.execPath, [fixture('daemon/stand-by.mjs'), pidFile])
  context.after(() => end(child.pid).then(() => ended))
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += chunk
  })
  const has = (what) => until(() => reportsSoFar(text).some((one) => what in one), `the standby is ${what}`)
  await has('refused')
  return { pid: child.pid, has }
}

for (const [how, begin, options] of [
  ['dies by signal', (_, pidFile) => spawnDaemon('sleep', ['1000'], { pidFile }), {}],
  ['exits', (context, pidFile) => start(context, { pidFile }, { how: 'end by SIGINT' }), { signal: 'SIGINT' }],
]) {
  test(`stopDaemon(): signals no standby that takes the file, daemon ${how}`, async (t) => {
    for (let round = 0; round < repetitions(20); round++) {
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

test('stopDaemon(): rejects with ERR_PROCNATIVE_HOLDER_UNKNOWN, start without a pid', {
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

test('stopDaemon(): signals no stranger that a locked file names', { contract: 'D21', ...python }, async (t) => {
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

test('stopDaemon(): does not signal its caller, named by a locked file', { contract: 'D21', ...python }, async (t) => {
  const pidFile = newPidFile(t)
  await locker(t).lock(pidFile, 'write')
  const { code } = await askElsewhere(namedBy(pidFile), 'stopDaemon', pidFile)
  assert.equal(code, 'ERR_PROCNATIVE_HOLDER_UNKNOWN')
})

test('stopDaemon(): stops another program that locks its file', { contract: 'D21', ...python }, async (t) => {
  const pidFile = newPidFile(t)
  const holder = locker(t)
  await holder.lock(pidFile, 'write')
  fs.writeFileSync(pidFile, `${holder.pid}\n`)
  assert.deepEqual(await stopDaemon(pidFile), { pid: holder.pid, killed: false })
  assert.equal((await holder.ended).signal, 'SIGTERM')
})

test('stopDaemon(): rejects with EACCES, file not readable', { contract: 'D21', ...root }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile })
  const { message, ...error } = await askElsewhere(AS_NOBODY, 'stopDaemon', pidFile)
  assert.deepEqual(error, { code: 'EACCES', syscall: 'open', path: pidFile })
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
})

test('stopDaemon(): rejects with EPERM, daemon of another user', { contract: 'D21', ...root }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile })
  fs.chmodSync(pidFile, 0o644)
  const { message, ...error } = await askElsewhere(AS_NOBODY, 'stopDaemon', pidFile)
  assert.deepEqual(error, { code: 'EPERM', syscall: 'pidfd_send_signal' })
  assert.match(message, /^EPERM: operation not permitted, pidfd_send_signal/)
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
})

test('stopDaemon(): a user stops a daemon of the same user', { contract: 'D21', ...root }, async (t) => {
  const pidFile = newPidFile(t)
  const log = path.join(path.dirname(pidFile), 'log')
  const { pid } = await start(t, { pidFile, stdout: log }, { prefix: AS_NOBODY })
  assert.deepEqual(await askElsewhere(AS_NOBODY, 'stopDaemon', pidFile), { value: { pid, killed: false } })
})

test('stopDaemon(): rejects with ELOOP and signals nothing, symbolic link', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile })
  fs.symlinkSync(pidFile, `${pidFile}.link`)
  const expected = { code: 'ELOOP', syscall: 'open', path: `${pidFile}.link` }
  await assert.rejects(stopDaemon(`${pidFile}.link`), expected)
  assert.equal(isAlive(pid), true)
})

test('stopDaemon(): resolves with null, FIFO at the path', {
  contract: 'D21',
  ...needs('mkfifo', hasProgram('mkfifo')),
}, async (t) => {
  const pidFile = newPidFile(t)
  await run('mkfifo', [pidFile]).ended
  assert.equal(await stopDaemon(pidFile), null)
})
