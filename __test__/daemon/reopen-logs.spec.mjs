// reopenLogs(): rotations, files that are shared, and errors.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { spawnDaemon } from '../../index.js'
import { end } from '../helpers/daemon.mjs'
import { isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { start, startForeground } from '../helpers/pid-file.mjs'
import { descriptors } from '../helpers/proc.mjs'
import { repetitions } from '../helpers/repetitions.mjs'
import { until } from '../helpers/until.mjs'

const root = needs('root', isRoot)
const ROTATIONS = repetitions(25)

const read = (file) => fs.readFileSync(file, 'utf8')
const lines = (file) => read(file).split('\n').slice(0, -1)

/**
 * Renames logs again and again under a daemon that writes, as logrotate does. `streams`: the streams of each log. Each
 * rename waits until all of them write to it. Returns all files of each log, in order.
 */
async function rotate(pid, streams) {
  const logs = Object.keys(streams)
  const isWritten = (log) => fs.existsSync(log) && streams[log].every((stream) => has(log, stream))
  await until(() => logs.every(isWritten), 'the threads write')
  for (let rotation = 1; rotation <= ROTATIONS; rotation++) {
    for (const log of logs) fs.renameSync(log, `${log}.${rotation}`)
    process.kill(pid, 'SIGHUP')
    await until(() => logs.every(isWritten), `rotation ${rotation}`)
  }
  await end(pid)
  return logs.map((log) => [...Array.from({ length: ROTATIONS }, (_, index) => `${log}.${index + 1}`), log])
}

const has = (log, stream) => new RegExp(`^${stream} `, 'm').test(read(log))

/** Checks that these files have all numbers of a stream, in order and each once. */
function assertComplete(files, stream) {
  let expected = 0
  for (const file of files) {
    for (const line of lines(file).filter((one) => one.startsWith(`${stream} `))) {
      // Plain comparison is faster than assert.equal() for hundreds of thousands of lines.
      if (line !== `${stream} ${expected}`) assert.fail(`${file}: ${line} where ${stream} ${expected} was due`)
      expected++
    }
  }
  assert.ok(expected > 0)
}

test('Daemon reopenLogs(): rotations under load lose and repeat no line', { contract: 'D22' }, async (t) => {
  const directory = temporary(t)
  const [stdout, stderr] = ['out', 'err'].map((name) => path.join(directory, name))
  const { pid } = await start(t, { stdout, stderr }, { script: 'daemon/write-numbers.cjs' })
  const [out, err] = await rotate(pid, { [stdout]: [1], [stderr]: [2] })
  assertComplete(out, 1)
  assertComplete(err, 2)
  // Whole lines, only of this stream, except for the first line of the daemon.
  for (const file of [...out, ...err]) assert.ok(read(file).endsWith('\n'), file)
  assert.deepEqual(
    out.flatMap(lines).filter((line) => !/^1 \d+$/.test(line)),
    [JSON.stringify({ pid })],
  )
  assert.deepEqual(
    err.flatMap(lines).filter((line) => !/^2 \d+$/.test(line)),
    [],
  )
})

test('Daemon reopenLogs(): loses no line, both streams in one file', { contract: 'D22' }, async (t) => {
  const log = path.join(temporary(t), 'log')
  const { pid } = await start(t, { stdout: log }, { script: 'daemon/write-numbers.cjs' })
  const [files] = await rotate(pid, { [log]: [1, 2] })
  assertComplete(files, 1)
  assertComplete(files, 2)
  assert.deepEqual(
    files.flatMap(lines).filter((line) => !/^[12] \d+$/.test(line)),
    [JSON.stringify({ pid })],
  )
})

/** Starts a daemon that reopens its logs on SIGHUP and reports the result on both streams. */
async function reopening(context, options, more = {}) {
  const { pid } = await start(context, options, { script: 'daemon/report-reopening.cjs', ...more })
  // The launcher ends a moment before the daemon closes its end of the link.
  const isLinked = () => Object.values(descriptors(pid)).some((what) => what.startsWith('socket:'))
  await until(() => !isLinked(), 'the link is closed')
  return {
    pid,
    descriptors: () => descriptors(pid),
    /** Sends SIGHUP; returns the report that the daemon writes to `file`. */
    async hangUp(file) {
      const before = fs.existsSync(file) ? lines(file).length : 0
      process.kill(pid, 'SIGHUP')
      // A line may reach the old file first.
      const answer = () =>
        fs.existsSync(file) &&
        lines(file)
          .slice(before)
          .find((line) => line.startsWith('{'))
      return JSON.parse(await until(answer))
    },
  }
}

/** Starts a daemon and renames its logs, to which it still writes. */
async function renamed(context, options = {}) {
  const directory = path.join(temporary(context), 'logs')
  fs.mkdirSync(directory)
  fs.chmodSync(directory, 0o777)
  const [stdout, stderr] = ['out', 'err'].map((name) => path.join(directory, name))
  const daemon = await reopening(context, { stdout, stderr, ...options })
  for (const log of [stdout, stderr]) fs.renameSync(log, `${log}.1`)
  return { ...daemon, directory, stdout, stderr }
}

test('Daemon reopenLogs(): writes to the new files, leaves no descriptor', { contract: 'D22' }, async (t) => {
  const { pid, stdout, stderr, hangUp, ...daemon } = await renamed(t)
  const before = daemon.descriptors()
  assert.deepEqual(await hangUp(stderr), { reopened: true })
  assert.deepEqual(lines(stdout), ['{"reopened":true}'])
  assert.deepEqual(lines(`${stdout}.1`), [JSON.stringify({ pid })])
  assert.deepEqual(lines(`${stderr}.1`), [])
  assert.deepEqual(daemon.descriptors(), { ...before, 1: stdout, 2: stderr })
  // O_WRONLY and O_APPEND, without the O_NONBLOCK and O_CLOEXEC that open(2) got.
  for (const fd of [1, 2]) {
    const flags = Number.parseInt(read(`/proc/${pid}/fdinfo/${fd}`).match(/^flags:\s*(\d+)/m)[1], 8)
    const { O_WRONLY, O_APPEND } = fs.constants
    // Some kernels add O_LARGEFILE.
    assert.equal(flags & ~0o100000, O_WRONLY | O_APPEND)
  }
})

/** The file offsets of both output streams. A write to one moves both only if they share an open file. */
const offsets = (pid) => [1, 2].map((fd) => Number(read(`/proc/${pid}/fdinfo/${fd}`).match(/^pos:\s*(\d+)/)[1]))

// Opened twice, a path can lead to two files: a rotation can rename the first file in between.
test('daemonize(), reopenLogs(): both streams share one open log', async (t) => {
  const log = path.join(temporary(t), 'log')
  const { pid, hangUp } = await reopening(t, { stdout: log })
  const length = JSON.stringify({ pid }).length + 1
  assert.deepEqual(offsets(pid), [length, length])
  fs.renameSync(log, `${log}.1`)
  assert.deepEqual(await hangUp(log), { reopened: true })
  await until(() => lines(log).length === 2, 'both lines are there')
  assert.deepEqual(offsets(pid), [read(log).length, read(log).length])
})

test('spawnDaemon(): streams with one path share one open log', async (t) => {
  const log = path.join(temporary(t), 'log')
  const script = 'echo one >&2; exec sleep 1000'
  const { pid } = await spawnDaemon('sh', ['-c', script], { stdio: ['ignore', log, log] })
  t.after(() => end(pid))
  await until(() => read(log) === 'one\n', 'the daemon has written')
  assert.deepEqual(offsets(pid), [4, 4])
})

test('Daemon reopenLogs(): goes on in the same file, no rename', { contract: 'D22' }, async (t) => {
  const directory = temporary(t)
  const stdout = path.join(directory, 'out')
  const { pid, hangUp } = await reopening(t, { stdout, stderr: 'ignore' })
  assert.deepEqual(await hangUp(stdout), { reopened: true })
  assert.deepEqual(lines(stdout), [JSON.stringify({ pid }), '{"reopened":true}'])
})

test('Daemon reopenLogs(): appends to an existing file, keeps its mode', { contract: 'D22' }, async (t) => {
  const { stdout, stderr, hangUp } = await renamed(t)
  fs.writeFileSync(stdout, 'written before\n', { mode: 0o600 })
  await hangUp(stderr)
  assert.deepEqual(lines(stdout), ['written before', '{"reopened":true}'])
  assert.equal(fs.statSync(stdout).mode & 0o777, 0o600)
})

test('Daemon reopenLogs(): returns ENOENT, keeps the old files, directory gone', async (t) => {
  const { directory, stdout, stderr, hangUp, ...daemon } = await renamed(t)
  fs.renameSync(directory, `${directory}.gone`)
  const before = daemon.descriptors()
  const gone = (log) => path.join(`${directory}.gone`, `${path.basename(log)}.1`)
  const error = { code: 'ENOENT', syscall: 'open', path: stdout }
  assert.deepEqual(await hangUp(gone(stderr)), error)
  assert.deepEqual(JSON.parse(lines(gone(stdout)).at(-1)), error)
  const reason = `procnative: reopenLogs() keeps writing to the old files: ENOENT: no such file or directory, open '${stdout}'`
  for (const log of [stdout, stderr]) assert.equal(lines(gone(log)).filter((line) => line === reason).length, 1)
  assert.deepEqual(daemon.descriptors(), before)
  fs.renameSync(`${directory}.gone`, directory)
  assert.deepEqual(await hangUp(stderr), { reopened: true })
})

for (const [which, other] of [
  ['stdout', 'stderr'],
  ['stderr', 'stdout'],
]) {
  test(`Daemon reopenLogs(): keeps ${other} and leaves no file, ${which} fails`, { contract: 'D22' }, async (t) => {
    const daemon = await renamed(t)
    fs.mkdirSync(daemon[which])
    const before = daemon.descriptors()
    const error = { code: 'EISDIR', syscall: 'open', path: daemon[which] }
    assert.deepEqual(await daemon.hangUp(`${daemon.stderr}.1`), error)
    assert.deepEqual(JSON.parse(lines(`${daemon.stdout}.1`).at(-1)), error)
    assert.equal(fs.existsSync(daemon[other]), false)
    assert.deepEqual(daemon.descriptors(), before)
    fs.rmdirSync(daemon[which])
    assert.deepEqual(await daemon.hangUp(daemon.stderr), { reopened: true })
    assert.deepEqual(lines(daemon.stdout), ['{"reopened":true}'])
  })
}

test('Daemon reopenLogs(): opens logs as the daemon’s user', { contract: 'D22', ...root }, async (t) => {
  const { directory, stdout, stderr, hangUp } = await renamed(t, { user: 'nobody' })
  assert.deepEqual(await hangUp(stderr), { reopened: true })
  assert.equal(fs.statSync(stdout).uid, 65534)
  for (const log of [stdout, stderr]) fs.renameSync(log, `${log}.2`)
  fs.chmodSync(directory, 0o755)
  assert.deepEqual(await hangUp(`${stderr}.2`), { code: 'EACCES', syscall: 'open', path: stdout })
})

/** A directory that only root may write to, like /var/log. */
function rootsDirectory(context) {
  const directory = temporary(context)
  fs.chmodSync(directory, 0o755)
  return directory
}

test('Daemon reopenLogs(): uses the file that logrotate creates, as another user', root, async (t) => {
  const stdout = path.join(rootsDirectory(t), 'out')
  const { pid } = await start(t, { stdout, user: 'nobody' }, { script: 'daemon/reopen-on-sighup.cjs' })
  // As Debian's default `create`: with the owner and the mode of the old file.
  const { uid, gid, mode } = fs.statSync(stdout)
  fs.renameSync(stdout, `${stdout}.1`)
  fs.writeFileSync(stdout, '', { mode })
  fs.chownSync(stdout, uid, gid)
  process.kill(pid, 'SIGHUP')
  await until(() => descriptors(pid)[1] === stdout, 'the file is open')
  process.kill(pid, 'SIGUSR1')
  await until(() => read(stdout) === 'a line\n', 'a line')
})

test('Daemon reopenLogs(): the daemon lives, may not create its log', root, async (t) => {
  const stdout = path.join(rootsDirectory(t), 'out')
  const { pid } = await start(t, { stdout, user: 'nobody' }, { script: 'daemon/reopen-on-sighup.cjs' })
  fs.renameSync(stdout, `${stdout}.1`)
  process.kill(pid, 'SIGHUP')
  const reason = `procnative: reopenLogs() keeps writing to the old files: EACCES: permission denied, open '${stdout}'\n`
  await until(() => read(`${stdout}.1`).endsWith(reason), 'the reason')
  process.kill(pid, 'SIGUSR1')
  await until(() => read(`${stdout}.1`).endsWith(`${reason}a line\n`), 'a line')
  // Both streams write to this file.
  assert.equal(read(`${stdout}.1`).split(reason).length, 2, 'the reason, once')
})

for (const [umask, mode] of [
  [0o027, 0o640],
  [0, 0o666],
  [0o077, 0o600],
]) {
  test(`Daemon reopenLogs(): creates logs by the daemon’s umask, mode ${mode.toString(8)}`, {
    contract: 'D22',
  }, async (t) => {
    const { stdout, stderr, hangUp } = await renamed(t, { umask })
    await hangUp(stderr)
    for (const log of [stdout, stderr]) assert.equal(fs.statSync(log).mode & 0o777, mode)
  })
}

test('Daemon reopenLogs(): a relative path is that of the start', { contract: 'D22' }, async (t) => {
  const cwd = temporary(t)
  const log = path.join(cwd, 'out')
  const { hangUp } = await reopening(t, { stdout: 'out', stderr: 'ignore', cwd: '/' }, { cwd })
  fs.renameSync(log, `${log}.1`)
  assert.deepEqual(await hangUp(log), { reopened: true })
})

test('Daemon reopenLogs(): leaves /dev/null and inherited descriptors alone', { contract: 'D22' }, async (t) => {
  const log = path.join(temporary(t), 'log')
  const fd = fs.openSync(log, 'a')
  t.after(() => fs.closeSync(fd))
  const stdio = ['ignore', fd, 'pipe']
  const daemon = await reopening(t, { stdout: 'inherit', stderr: 'ignore' }, { log, stdio })
  const before = daemon.descriptors()
  fs.renameSync(log, `${log}.1`)
  assert.deepEqual(await daemon.hangUp(`${log}.1`), { reopened: true })
  assert.equal(fs.existsSync(log), false)
  assert.equal(before[2], '/dev/null')
  assert.deepEqual(daemon.descriptors(), { ...before, 1: `${log}.1` })
})

test('Daemon reopenLogs(): does nothing in the foreground', { contract: 'D22' }, async (t) => {
  const stdout = path.join(temporary(t), 'never made')
  const { pid, log, ended } = await startForeground(t, { stdout }, { script: 'daemon/report-reopening.cjs' })
  const before = descriptors(pid)
  fs.renameSync(log, `${log}.1`)
  process.kill(pid, 'SIGHUP')
  // Both streams go to the one file.
  await until(() => lines(`${log}.1`).length === 3)
  assert.deepEqual(lines(`${log}.1`).slice(1), ['{"reopened":true}', '{"reopened":true}'])
  assert.deepEqual(descriptors(pid), { ...before, 1: `${log}.1`, 2: `${log}.1` })
  assert.equal(fs.existsSync(log), false)
  assert.equal(fs.existsSync(stdout), false)
  process.kill(pid, 'SIGUSR2')
  assert.equal((await ended).code, 0)
})
