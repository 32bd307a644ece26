// daemonStatus() of pid files in every state.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { daemonStatus, stopDaemon } from '../../index.js'
import { end } from '../helpers/daemon.mjs'
import { hasProgram, isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import {
  AS_NOBODY,
  askElsewhere,
  killDaemon,
  locker,
  mode,
  NOT_RUNNING,
  namedBy,
  newPidFile,
  read,
  start,
  stranger,
} from '../helpers/pid-file.mjs'
import { fixture, run } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const python = needs('python3', hasProgram('python3'))
const strace = needs('strace', hasProgram('strace'))
const root = needs('root', isRoot)

test('daemonStatus(): tells whether a daemon runs, and its pid', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
  assert.equal(fs.existsSync(pidFile), false)
  // The pid of a living process in an unlocked file proves nothing.
  fs.writeFileSync(pidFile, `${process.pid}\n`)
  assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
  const { pid } = await start(t, { pidFile })
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
  assert.deepEqual(await askElsewhere([], 'daemonStatus', pidFile), { value: { running: true, pid } })
  assert.deepEqual(daemonStatus(path.relative(process.cwd(), pidFile)), { running: true, pid })
  await killDaemon(pid, pidFile)
  assert.equal(read(pidFile), `${pid}\n`)
  assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
})

test('daemonStatus(): running without a pid, first byte locked', { contract: 'D21', ...python }, async (t) => {
  const pidFile = newPidFile(t)
  const holder = locker(t)
  await holder.lock(pidFile, 'write', 0, 1)
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid: null })
  // The content belongs to the previous daemon, even if it names the holder of the lock.
  fs.writeFileSync(pidFile, `${holder.pid}\n`)
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid: null })
})

test('daemonStatus(): running without a pid until the daemon has written it', {
  contract: 'D21',
  ...strace,
}, async (t) => {
  const pidFile = newPidFile(t)
  const log = path.join(temporary(t), 'log')
  const old = stranger(t)
  fs.writeFileSync(pidFile, `${old}\n`)
  const trace = path.join(temporary(t), 'trace')
  const node = [process.execPath, fixture('pid-file-daemon.cjs'), JSON.stringify({ pidFile, stdout: log })]
  // strace holds the daemon before it writes its pid.
  const delay = ['-e', 'trace=pwrite64', '-e', 'inject=pwrite64:delay_enter=1500000']
  const { ended } = run('strace', ['-f', '-qq', '-o', trace, ...delay, ...node])
  const { pid } = await until(() => {
    const status = daemonStatus(pidFile)
    return status.running && status
  })
  assert.equal(pid, null)
  assert.equal(read(pidFile), `${old}\n`)
  const daemon = await until(() => daemonStatus(pidFile).pid)
  t.after(async () => {
    await end(daemon)
    await ended
  })
  assert.equal(read(pidFile), `${daemon}\n`)
})

test('daemonStatus(): running without a pid, file names a stranger', { contract: 'D21', ...python }, async (t) => {
  const pidFile = newPidFile(t)
  await locker(t).lock(pidFile, 'write')
  for (const content of [`${stranger(t)}\n`, '2147483647\n', '', 'garbage\n', '0\n', '-1\n']) {
    fs.writeFileSync(pidFile, content)
    assert.deepEqual(daemonStatus(pidFile), { running: true, pid: null }, JSON.stringify(content))
  }
})

test('daemonStatus(): running without a pid, file names the caller', { contract: 'D21', ...python }, async (t) => {
  const pidFile = newPidFile(t)
  await locker(t).lock(pidFile, 'write')
  const answer = await askElsewhere(namedBy(pidFile), 'daemonStatus', pidFile)
  assert.deepEqual(answer, { value: { running: true, pid: null } })
})

test('daemonStatus(): running without a pid, file names a thread', { contract: 'D21' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile })
  const thread = fs.readdirSync(`/proc/${pid}/task`).find((id) => Number(id) !== pid)
  fs.writeFileSync(pidFile, `${thread}\n`)
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid: null })
})

test('daemonStatus(): names another program that locks its file', { contract: 'D21', ...python }, async (t) => {
  const pidFile = newPidFile(t)
  const holder = locker(t)
  await holder.lock(pidFile, 'write')
  fs.writeFileSync(pidFile, `${holder.pid}\n`)
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid: holder.pid })
})

test('stopDaemon(): stops a daemon with a dead file system open', {
  contract: 'D21',
  ...needs('python3, root, unshare and /dev/fuse', isRoot && hasProgram('unshare') && fs.existsSync('/dev/fuse')),
}, async (t) => {
  const pidFile = newPidFile(t)
  const directory = temporary(t)
  const script = [fixture('daemon/dead-mount.py'), directory, pidFile]
  const { child, ended } = run('unshare', ['-m', '--propagation', 'private', 'python3', ...script])
  t.after(() => end(child.pid).then(() => ended))
  await once(child.stdout, 'data')
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid: child.pid })
  assert.deepEqual(await stopDaemon(pidFile), { pid: child.pid, killed: false })
})

test('daemonStatus(): changes neither the file nor its lock', { contract: 'D21', ...python }, async (t) => {
  const pidFile = newPidFile(t)
  fs.writeFileSync(pidFile, 'as it was', { mode: 0o644 })
  const holder = locker(t)
  await holder.watch(pidFile)
  for (let time = 0; time < 1000; time++) daemonStatus(pidFile)
  assert.deepEqual(await holder.seen(pidFile), [null])
  assert.equal(read(pidFile), 'as it was')
  assert.equal(mode(pidFile), 0o644)
})

test('daemonStatus(): throws EACCES, file not readable', { contract: 'D21', ...root }, async (t) => {
  const pidFile = newPidFile(t)
  await start(t, { pidFile })
  const { message, ...error } = await askElsewhere(AS_NOBODY, 'daemonStatus', pidFile)
  assert.deepEqual(error, { code: 'EACCES', syscall: 'open', path: pidFile })
  assert.match(message, /^EACCES: permission denied, open/)
})

test('daemonStatus(): tells the pid of a daemon that it may not inspect', { contract: 'D21', ...root }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile })
  fs.chmodSync(pidFile, 0o644)
  assert.deepEqual(await askElsewhere(AS_NOBODY, 'daemonStatus', pidFile), { value: { running: true, pid } })
})
