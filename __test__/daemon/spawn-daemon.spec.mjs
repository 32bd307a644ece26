// spawnDaemon(): attributes of the daemon, and options.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { getsid, spawnDaemon } from '../../index.js'
import { foster } from '../helpers/foster.mjs'
import { isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { descriptors, isAlive, stat, status } from '../helpers/proc.mjs'
import { fixture } from '../helpers/run.mjs'
import { commandOf, environmentOf, hasOpen, PYTHON, rejection, spawned, startElsewhere } from '../helpers/spawned.mjs'
import { until } from '../helpers/until.mjs'

const NOBODY = 65534
const NULL = { 0: '/dev/null', 1: '/dev/null', 2: '/dev/null' }
const sleep = ['sleep', ['1000']]
const cwdOf = (pid) => fs.readlinkSync(`/proc/${pid}/cwd`)
const pick = (from, ...names) => Object.fromEntries(names.map((name) => [name, from[name]]))

/** Writes a program to `directory`; no other directory has this name. */
function program(directory, name, text, mode = 0o755) {
  fs.mkdirSync(directory, { recursive: true })
  const file = path.join(directory, name)
  fs.writeFileSync(file, text)
  fs.chmodSync(file, mode)
  return file
}

const SCRIPT = '#!/bin/sh\nexec sleep 1000\n'

// ── Identity ──

for (const [what, file, args] of [
  ['sleep', ...sleep],
  ['sh', 'sh', ['-c', 'kill -STOP $$']],
  ['python3', PYTHON, ['-c', 'import signal; signal.pause()']],
  ['node', process.execPath, ['deno' in process.versions ? 'eval' : '-e', 'setInterval(() => {}, 2 ** 30)']],
]) {
  test(`spawnDaemon(): makes ${what} a daemon without session leader and terminal`, {
    contract: 'D1 D23',
  }, async (t) => {
    const pid = await spawned(t, file, args)
    const { session, pgrp, tty } = stat(pid)
    assert.notEqual(session, pid)
    assert.notEqual(session, getsid())
    assert.equal(pgrp, session)
    assert.equal(stat(session), null)
    assert.equal(tty, 0)
    assert.equal(cwdOf(pid), '/')
    assert.equal(status(pid, 'Umask'), '0022')
    for (const fd of [0, 1, 2]) assert.equal(fs.readlinkSync(`/proc/${pid}/fd/${fd}`), '/dev/null')
  })
}

test('spawnDaemon(): the daemon gains no terminal by opening one', { contract: 'D1' }, async (t) => {
  const log = path.join(temporary(t), 'log')
  const script = 'import os, pty, signal; pty.openpty(); print("opened", flush=True); signal.pause()'
  const pid = await spawned(t, PYTHON, ['-c', script], { stdio: ['ignore', log] })
  await until(() => fs.readFileSync(log, 'utf8') === 'opened\n')
  assert.equal(stat(pid).tty, 0)
})

test('spawnDaemon(): the parent is init or a subreaper at once', { contract: 'D1' }, async (t) => {
  const pid = await spawned(t, ...sleep)
  assert.equal(stat(pid).ppid, foster(t))
  assert.notEqual(stat(pid).ppid, process.pid)
})

test('spawnDaemon(): works, caller leads its group', { contract: 'D1' }, async (t) => {
  const [{ pid, ppid, caller }] = await startElsewhere(t, [sleep], { detached: true })
  assert.equal(isAlive(pid), true)
  assert.notEqual(ppid, caller)
})

for (const count of [7, 200, 5000]) {
  test(`spawnDaemon(): leaves only 0, 1 and 2 open, caller had ${count}`, { contract: 'D2' }, async (t) => {
    const [{ pid }] = await startElsewhere(t, [sleep], { prefix: [PYTHON, fixture('open-many.py'), String(count)] })
    await hasOpen(pid, NULL)
  })
}

test('spawnDaemon(): resets blocked and ignored signals', { contract: 'D3' }, async (t) => {
  const [{ pid }] = await startElsewhere(t, [sleep], { prefix: [PYTHON, fixture('block-signals.py')] })
  for (const field of ['SigBlk', 'SigIgn', 'SigCgt']) assert.equal(status(pid, field), '0'.repeat(16))
})

test('spawnDaemon(): sets ids and groups, user by name', { contract: 'D4', ...needs('root', isRoot) }, async (t) => {
  const pid = await spawned(t, ...sleep, { user: 'nobody' })
  assert.deepEqual(
    ['Uid', 'Gid', 'Groups'].map((field) => status(pid, field).trim().split(/\s+/).map(Number)),
    [Array(4).fill(NOBODY), Array(4).fill(NOBODY), [NOBODY]],
  )
})

test('spawnDaemon(): sets numeric user and group, caller unchanged', {
  contract: 'D4',
  ...needs('root', isRoot),
}, async (t) => {
  const before = fs.statSync('/proc/self/stat').uid
  const pid = await spawned(t, ...sleep, { user: 12345, group: 23456 })
  assert.deepEqual(
    ['Uid', 'Gid', 'Groups'].map((field) => status(pid, field).trim().split(/\s+/).map(Number)),
    [Array(4).fill(12345), Array(4).fill(23456), [23456]],
  )
  assert.equal(process.getuid(), 0)
  assert.equal(fs.statSync('/proc/self/stat').uid, before)
})

test('spawnDaemon(): the daemon can’t regain root', { contract: 'D4', ...needs('root', isRoot) }, async (t) => {
  const log = path.join(temporary(t), 'log')
  const script = [
    'import os, signal',
    'for regain in (os.setuid, os.seteuid, os.setgid, os.setegid):',
    '  try: regain(0); print("regained")',
    '  except PermissionError: print("refused", flush=True)',
    'signal.pause()',
  ].join('\n')
  await spawned(t, PYTHON, ['-c', script], { user: 'nobody', stdio: ['ignore', log, log] })
  await until(() => fs.readFileSync(log, 'utf8').split('\n').length === 5)
  assert.equal(fs.readFileSync(log, 'utf8'), 'refused\n'.repeat(4))
})

test('spawnDaemon(): rejects with ERR_UNKNOWN_CREDENTIAL, unknown user or group', { contract: 'D4' }, async () => {
  for (const options of [{ user: 'no such user' }, { group: 'no such group' }, { user: 4_000_000 }]) {
    assert.equal((await rejection(spawnDaemon(...sleep, options))).code, 'ERR_UNKNOWN_CREDENTIAL')
  }
})

test('spawnDaemon(): rejects with EPERM, unprivileged caller, another user', {
  contract: 'D4',
  ...needs('root', isRoot),
}, async (t) => {
  const prefix = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
  const [error] = await startElsewhere(t, [[...sleep, { user: 'daemon' }]], { prefix })
  assert.deepEqual(pick(error, 'code', 'syscall'), { code: 'EPERM', syscall: 'setgroups' })
})

// ── Options ──

test('spawnDaemon(): sets cwd, umask and argv0', { contract: 'D23' }, async (t) => {
  const directory = fs.realpathSync(temporary(t))
  const pid = await spawned(t, ...sleep, { cwd: directory, umask: 0o077, argv0: 'another name' })
  assert.equal(cwdOf(pid), directory)
  assert.equal(status(pid, 'Umask'), '0077')
  assert.deepEqual(commandOf(pid), ['another name', '1000'])
})

test('spawnDaemon(): argv0 is the file by default', { contract: 'D23' }, async (t) => {
  assert.deepEqual(commandOf(await spawned(t, ...sleep)), ['sleep', '1000'])
})

test('spawnDaemon(): sets env, undefined values absent', { contract: 'D23' }, async (t) => {
  const env = { PATH: process.env.PATH, GIVEN: 'a=b\nc', EMPTY: '', ABSENT: undefined }
  const pid = await spawned(t, ...sleep, { env })
  assert.deepEqual(await environmentOf(pid), { PATH: process.env.PATH, GIVEN: 'a=b\nc', EMPTY: '' })
})

test('spawnDaemon(): the environment is process.env at the call, no env', { contract: 'D23' }, async (t) => {
  process.env.SET_BEFORE_THE_CALL = 'yes'
  t.after(() => delete process.env.SET_BEFORE_THE_CALL)
  assert.deepEqual(await environmentOf(await spawned(t, ...sleep)), { ...process.env })
})

test('spawnDaemon(): searches the PATH of env in order', { contract: 'D23' }, async (t) => {
  const directory = temporary(t)
  for (const one of ['b', 'c']) program(path.join(directory, one), 'wanted-program', SCRIPT)
  const log = path.join(directory, 'log')
  fs.writeFileSync(path.join(directory, 'b/wanted-program'), `#!/bin/sh\necho "$0" >>${log}\nexec sleep 1000\n`)
  const PATH = ['a', 'b', 'c'].map((one) => path.join(directory, one)).join(':')
  await spawned(t, 'wanted-program', [], { env: { PATH: `${PATH}:${process.env.PATH}` } })
  await until(() => fs.existsSync(log) && fs.readFileSync(log, 'utf8').endsWith('\n'))
  assert.equal(fs.readFileSync(log, 'utf8'), `${directory}/b/wanted-program\n`)
})

test('spawnDaemon(): passes over files without the executable bit, or throws EACCES', {
  contract: 'D23',
}, async (t) => {
  const directory = temporary(t)
  program(path.join(directory, 'a'), 'wanted-program', SCRIPT, 0o644)
  fs.mkdirSync(path.join(directory, 'empty'))
  const PATH = `${directory}/a:${directory}/empty`
  const error = await rejection(spawnDaemon('wanted-program', [], { env: { PATH } }))
  assert.deepEqual(pick(error, 'code', 'syscall', 'path'), {
    code: 'EACCES',
    syscall: 'execve',
    path: 'wanted-program',
  })
  program(path.join(directory, 'b'), 'wanted-program', SCRIPT)
  const pid = await spawned(t, 'wanted-program', [], { env: { PATH: `${PATH}:${directory}/b:/bin:/usr/bin` } })
  assert.equal(isAlive(pid), true)
})

test('spawnDaemon(): an empty element of PATH is the daemon’s directory', { contract: 'D23' }, async (t) => {
  const directory = temporary(t)
  program(directory, 'wanted-program', SCRIPT)
  for (const PATH of ['/nowhere::/bin', ':/bin', '/bin:']) {
    const pid = await spawned(t, 'wanted-program', [], { env: { PATH }, cwd: directory })
    assert.equal(cwdOf(pid), fs.realpathSync(directory))
  }
})

test('spawnDaemon(): a file with a slash goes by cwd, not PATH', { contract: 'D23' }, async (t) => {
  const directory = temporary(t)
  program(path.join(directory, 'in'), 'wanted-program', SCRIPT)
  const env = { PATH: `${directory}:${process.env.PATH}` }
  assert.equal((await rejection(spawnDaemon('in/wanted-program', [], { env }))).code, 'ENOENT')
  const pid = await spawned(t, 'in/wanted-program', [], { env, cwd: directory })
  assert.equal(isAlive(pid), true)
})

test('spawnDaemon(): rejects with ENOEXEC, text without #!', { contract: 'D23' }, async (t) => {
  const directory = temporary(t)
  program(directory, 'wanted-program', 'sleep 1000\n')
  const error = await rejection(spawnDaemon('wanted-program', [], { env: { PATH: `${directory}:/bin` } }))
  assert.deepEqual(pick(error, 'code', 'syscall'), { code: 'ENOEXEC', syscall: 'execve' })
})

test('spawnDaemon(): finds a program in /bin or /usr/bin, no PATH', { contract: 'D23' }, async (t) => {
  assert.equal(isAlive(await spawned(t, ...sleep, { env: {} })), true)
})

test('spawnDaemon(): stdio takes "inherit" and numbers, crossed and beyond 2', { contract: 'D23' }, async (t) => {
  const directory = temporary(t)
  const files = ['one', 'two'].map((name) => path.join(directory, name))
  const [one, two] = files.map((file) => fs.openSync(file, 'a'))
  t.after(() => [one, two].map((fd) => fs.closeSync(fd)))
  const pid = await spawned(t, ...sleep, { stdio: [two, one, 'inherit', two] })
  const err = descriptors()[2]
  await hasOpen(pid, { 0: files[1], 1: files[0], 2: err, 3: files[1] })
})

test('spawnDaemon(): stdio "inherit" passes on all three streams', { contract: 'D23' }, async (t) => {
  const pid = await spawned(t, ...sleep, { stdio: 'inherit' })
  await hasOpen(pid, pick(descriptors(), 0, 1, 2))
})

test('spawnDaemon(): stdio appends to a path, creates it by umask', { contract: 'D23' }, async (t) => {
  const directory = temporary(t)
  const [fresh, old] = ['fresh', 'old'].map((name) => path.join(directory, name))
  fs.writeFileSync(old, 'kept\n')
  const script = 'echo out; echo err >&2; exec sleep 1000'
  await spawned(t, 'sh', ['-c', script], { stdio: ['ignore', fresh, old], umask: 0o027 })
  await until(() => fs.readFileSync(old, 'utf8') === 'kept\nerr\n')
  assert.equal(fs.readFileSync(fresh, 'utf8'), 'out\n')
  assert.equal(fs.statSync(fresh).mode & 0o777, 0o640)
})
