// The path of a pid file: existing files, the content, and the foreground.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { daemonStatus, stopDaemon } from '../../index.js'
import { launch } from '../helpers/daemon.mjs'
import { hasProgram, isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import {
  AS_NOBODY,
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
import { fixture, run, runScript } from '../helpers/run.mjs'

const python = needs('python3', hasProgram('python3'))
const root = needs('root', isRoot)

// ── Existing files ──

test('pidFile: a start succeeds after kill -9', { contract: 'D20' }, async (t) => {
  const pidFile = newPidFile(t)
  const first = await start(t, { pidFile })
  await killDaemon(first.pid, pidFile)
  assert.equal(read(pidFile), `${first.pid}\n`)
  const { pid } = await start(t, { pidFile })
  assert.equal(read(pidFile), `${pid}\n`)
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
})

for (const [what, contents] of [
  ['an empty file', () => ''],
  ['garbage', () => 'this was never a pid file: '.repeat(1000)],
  ['bytes that are no text', () => Buffer.from([0, 255, 254, 10, 0, 200])],
  ['an unused pid', () => '2147483647\n'],
  ['a negative pid', () => '-1\n'],
  ['the pid of a stranger', (t) => `${stranger(t)}\n`],
]) {
  for (const foreground of [false, true]) {
    test(`pidFile: a start succeeds over ${what}${foreground ? ', foreground' : ''}`, {
      contract: 'D20',
    }, async (t) => {
      const pidFile = newPidFile(t)
      fs.writeFileSync(pidFile, contents(t))
      assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
      const { pid } = await (foreground ? startForeground : start)(t, { pidFile })
      assert.equal(read(pidFile), `${pid}\n`)
      assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
    })
  }
}

test('pidFile: has the pid before the program of the daemon begins', { contract: 'D20' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid, found } = await start(t, { pidFile })
  assert.equal(found, `${pid}\n`)
  assert.equal(read(pidFile), `${pid}\n`)
})

for (const foreground of [false, true]) {
  const where = foreground ? ', foreground' : ''

  test(`pidFile: throws ELOOP and keeps the target, symbolic link${where}`, { contract: 'D20' }, async (t) => {
    const pidFile = newPidFile(t)
    const target = path.join(temporary(t), 'target')
    fs.symlinkSync(target, pidFile)
    const expected = { code: 'ELOOP', syscall: 'open', path: pidFile }
    assert.deepEqual(await refusal(t, { pidFile, foreground }), expected)
    assert.equal(fs.existsSync(target), false)
    fs.writeFileSync(target, 'precious', { mode: 0o644 })
    assert.deepEqual(await refusal(t, { pidFile, foreground }), expected)
    assert.equal(read(target), 'precious')
    assert.equal(mode(target), 0o644)
    assert.equal(fs.readlinkSync(pidFile), target)
    assert.throws(() => daemonStatus(pidFile), expected)
  })

  test(`pidFile: throws EMLINK and keeps the file, hard link${where}`, { contract: 'D20' }, async (t) => {
    const pidFile = newPidFile(t)
    const other = path.join(path.dirname(pidFile), 'other')
    fs.writeFileSync(other, 'precious', { mode: 0o644 })
    fs.linkSync(other, pidFile)
    assert.deepEqual(await refusal(t, { pidFile, foreground }), { code: 'EMLINK', syscall: 'open', path: pidFile })
    assert.equal(read(other), 'precious')
    assert.equal(mode(other), 0o644)
    assert.equal(fs.statSync(other).nlink, 2)
  })

  for (const [what, make, options, code] of [
    ['a FIFO', (at) => run('mkfifo', [at]).ended, needs('mkfifo', hasProgram('mkfifo')), 'EINVAL'],
    ['a device', (at) => run('mknod', [at, 'c', '1', '3']).ended, root, 'EINVAL'],
    ['a directory', (at) => fs.promises.mkdir(at), {}, 'EISDIR'],
  ]) {
    test(`pidFile: throws ${code} and changes nothing, ${what}${where}`, { contract: 'D20', ...options }, async (t) => {
      const pidFile = newPidFile(t)
      await make(pidFile)
      const before = fs.lstatSync(pidFile)
      assert.deepEqual(await refusal(t, { pidFile, foreground }), { code, syscall: 'open', path: pidFile })
      const after = fs.lstatSync(pidFile)
      assert.deepEqual([after.ino, after.mode], [before.ino, before.mode])
      assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
    })
  }

  test(`pidFile: throws EACCES and starts nothing, directory not writable${where}`, {
    contract: 'D20',
    ...root,
  }, async (t) => {
    const directory = path.join(temporary(t), 'closed')
    fs.mkdirSync(directory, { mode: 0o755 })
    const pidFile = path.join(directory, 'daemon.pid')
    const log = path.join(temporary(t), 'log')
    const error = await refusal(t, { pidFile, stdout: log, foreground }, { prefix: AS_NOBODY })
    assert.deepEqual(error, { code: 'EACCES', syscall: 'open', path: pidFile })
    assert.deepEqual(fs.readdirSync(directory), [])
    assert.equal(fs.existsSync(log), false)
  })

  test(`pidFile: throws EACCES, file of another user${where}`, { contract: 'D20', ...root }, async (t) => {
    const pidFile = newPidFile(t)
    fs.writeFileSync(pidFile, '', { mode: 0o644 })
    const error = await refusal(t, { pidFile, foreground }, { prefix: AS_NOBODY })
    assert.deepEqual(error, { code: 'EACCES', syscall: 'open', path: pidFile })
  })

  test(`pidFile: throws ENOENT, no such directory${where}`, { contract: 'D20' }, async (t) => {
    const pidFile = path.join(temporary(t), 'missing', 'daemon.pid')
    assert.deepEqual(await refusal(t, { pidFile, foreground }), { code: 'ENOENT', syscall: 'open', path: pidFile })
    assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
  })
}

test('pidFile: root starts over another user’s file in a sticky directory', { contract: 'D20', ...root }, async (t) => {
  const directory = path.join(temporary(t), 'sticky')
  fs.mkdirSync(directory)
  fs.chmodSync(directory, 0o1777)
  const pidFile = path.join(directory, 'daemon.pid')
  fs.writeFileSync(pidFile, '')
  fs.chownSync(pidFile, 65534, 65534)
  const { pid } = await start(t, { pidFile })
  assert.equal(read(pidFile), `${pid}\n`)
})

// ── The foreground, and the daemon ──

test('pidFile: is locked and written, foreground', { contract: 'D20', ...python }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await startForeground(t, { pidFile })
  assert.equal(read(pidFile), `${pid}\n`)
  assert.equal(mode(pidFile), 0o600)
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
  const { length, ...lock } = await locker(t).ask(pidFile)
  assert.deepEqual(lock, { kind: 'write', start: 0, pid: -1 })
  assert.ok(length >= 2 ** 61, length)
})

test('daemonize(): throws ERR_PROCNATIVE_ALREADY_RUNNING, either side in the foreground', {
  contract: 'D19',
}, async (t) => {
  for (const begin of [start, startForeground]) {
    const pidFile = newPidFile(t)
    const { pid } = await begin(t, { pidFile })
    for (const foreground of [false, true]) {
      assert.deepEqual(await refusal(t, { pidFile, foreground }), { code: 'ERR_PROCNATIVE_ALREADY_RUNNING', pid })
    }
    assert.equal(read(pidFile), `${pid}\n`)
    assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
  }
})

test('pidFile: a failed start leaves no file, lock or descriptor, foreground', { contract: 'D20' }, async (t) => {
  for (const [options, expected] of [
    [{ cwd: '/no such directory' }, 'ENOENT'],
    [{ keep: [0, 999] }, 'EBADF'],
  ]) {
    const pidFile = newPidFile(t)
    const args = [JSON.stringify({ pidFile, ...options })]
    const { stdout, stderr } = await runScript(fixture('daemon/fail-in-foreground.cjs'), args)
    assert.notEqual(stdout, '', stderr)
    const { code, before, after } = JSON.parse(stdout)
    assert.equal(code, expected)
    assert.deepEqual(after, before)
    assert.equal(fs.existsSync(pidFile), false)
  }
})

test('pidFile: a failed start changes nothing, current directory closed, foreground', {
  contract: 'E3',
  ...needs('root and setpriv', isRoot && hasProgram('setpriv')),
}, async (t) => {
  const pidFile = newPidFile(t)
  const cwd = temporary(t)
  fs.chmodSync(cwd, 0)
  const options = JSON.stringify({ pidFile, cwd: '/no such directory', keep: [0, 1] })
  const program = [...AS_NOBODY, process.execPath, fixture('daemon/fail-in-foreground.cjs'), options]
  const { stdout, stderr } = await run(program[0], program.slice(1), { cwd }).ended
  assert.notEqual(stdout, '', stderr)
  const { code, before, after } = JSON.parse(stdout)
  assert.equal(code, 'ENOENT')
  assert.deepEqual(after, before)
  assert.equal(fs.existsSync(pidFile), false)
})

test('pidFile: a refused start changes nothing, foreground', { contract: 'E3' }, async (t) => {
  const directory = temporary(t)
  const running = path.join(directory, 'running')
  const { pid } = await start(t, { pidFile: running })
  fs.symlinkSync(running, path.join(directory, 'link'))
  for (const [name, expected] of [
    ['running', 'ERR_PROCNATIVE_ALREADY_RUNNING'],
    ['link', 'ELOOP'],
    ['running/below', 'ENOTDIR'],
    ['missing/below', 'ENOENT'],
    ['.', 'EISDIR'],
  ]) {
    const options = JSON.stringify({ pidFile: path.join(directory, name), umask: 0 })
    const { stdout, stderr } = await runScript(fixture('daemon/fail-in-foreground.cjs'), [options])
    assert.notEqual(stdout, '', stderr)
    const { code, before, after } = JSON.parse(stdout)
    assert.equal(code, expected)
    assert.deepEqual(after, before)
  }
  assert.deepEqual(fs.readdirSync(directory).toSorted(), ['link', 'running'])
  assert.deepEqual(daemonStatus(running), { running: true, pid })
})

test('pidFile: system errors look like those of Node.js', { contract: 'E1' }, async (t) => {
  const pidFile = newPidFile(t)
  fs.symlinkSync('nowhere', pidFile)
  const shape = ({ name, code, errno, syscall, path: named, message }) => [name, code, errno, syscall, named, message]
  const thrown = (call) => {
    try {
      call()
    } catch (error) {
      return error
    }
  }
  const expected = shape(thrown(() => fs.openSync(pidFile, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW)))
  assert.equal(expected[1], 'ELOOP')
  assert.deepEqual(shape(thrown(() => daemonStatus(pidFile))), expected)
  assert.deepEqual(shape(await stopDaemon(pidFile).catch((error) => error)), expected)
})

test('Daemon pidFile: is the absolute path, or null', { contract: 'D20' }, async (t) => {
  const pidFile = newPidFile(t)
  const cwd = fs.realpathSync(path.dirname(pidFile))
  const absolute = path.join(cwd, 'daemon.pid')
  assert.equal((await start(t, { pidFile: 'daemon.pid', cwd: '/' }, { cwd })).pidFile, absolute)
  assert.equal(fs.existsSync(absolute), true)
  const other = path.join(cwd, 'other.pid')
  assert.equal((await startForeground(t, { pidFile: './other.pid' }, { cwd })).pidFile, other)
  assert.equal(fs.existsSync(other), true)
  assert.equal((await start(t, {})).pidFile, null)
  assert.equal((await startForeground(t, {})).pidFile, null)
})

test('pidFile: the daemon has exactly one descriptor of it', { contract: 'D2' }, async (t) => {
  const pidFile = newPidFile(t)
  const kept = path.join(temporary(t), 'kept')
  const fd = fs.openSync(kept, 'a')
  t.after(() => fs.closeSync(fd))
  const { facts } = await launch(t, { pidFile, keep: [3] }, { stdio: ['ignore', 'pipe', 'pipe', fd] })
  const files = Object.values(facts.descriptors).filter((what) => [pidFile, kept].includes(what))
  assert.deepEqual(files.toSorted(), [pidFile, kept].toSorted())
  assert.equal(facts.descriptors[facts.daemon.kept[0]], kept)
})
