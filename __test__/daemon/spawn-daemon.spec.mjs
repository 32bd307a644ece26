// D1 to D4, D23: spawnDaemon(): what the daemon is, and its options.
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

/** A program in `directory` that cannot be found elsewhere. */
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
  test(`${what} becomes a daemon: sid != pid, pgid == sid, no process has pid == sid, no terminal`, {
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

test('opening a terminal without O_NOCTTY does not give the daemon one', { contract: 'D1' }, async (t) => {
  const log = path.join(temporary(t), 'log')
  const script = 'import os, pty, signal; pty.openpty(); print("opened", flush=True); signal.pause()'
  const pid = await spawned(t, PYTHON, ['-c', script], { stdio: ['ignore', log] })
  await until(() => fs.readFileSync(log, 'utf8') === 'opened\n')
  assert.equal(stat(pid).tty, 0)
})

test('the parent is init or the nearest subreaper at once, not the caller', { contract: 'D1' }, async (t) => {
  const pid = await spawned(t, ...sleep)
  assert.equal(stat(pid).ppid, foster(t))
  assert.notEqual(stat(pid).ppid, process.pid)
})

test('it works where the caller leads its group', { contract: 'D1' }, async (t) => {
  const [{ pid, ppid, caller }] = await startElsewhere(t, [sleep], { detached: true })
  assert.equal(isAlive(pid), true)
  assert.notEqual(ppid, caller)
})

for (const count of [7, 200, 5000]) {
  test(`open are 0, 1 and 2 and no other, where the caller had ${count} open without close-on-exec`, {
    contract: 'D2',
  }, async (t) => {
    const [{ pid }] = await startElsewhere(t, [sleep], { prefix: [PYTHON, fixture('open-many.py'), String(count)] })
    await hasOpen(pid, NULL)
  })
}

test('blocked and ignored signals are reset before exec', { contract: 'D3' }, async (t) => {
  const [{ pid }] = await startElsewhere(t, [sleep], { prefix: [PYTHON, fixture('block-signals.py')] })
  for (const field of ['SigBlk', 'SigIgn', 'SigCgt']) assert.equal(status(pid, field), '0'.repeat(16))
})

test('`user` by name: its ids and supplementary groups', { contract: 'D4', ...needs('root', isRoot) }, async (t) => {
  const pid = await spawned(t, ...sleep, { user: 'nobody' })
  assert.deepEqual(
    ['Uid', 'Gid', 'Groups'].map((field) => status(pid, field).trim().split(/\s+/).map(Number)),
    [Array(4).fill(NOBODY), Array(4).fill(NOBODY), [NOBODY]],
  )
})

test('`user` and `group` by number; the caller stays who it was, and dumpable', {
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

test('root is not regained', { contract: 'D4', ...needs('root', isRoot) }, async (t) => {
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

test('a user or group that does not exist is ERR_UNKNOWN_CREDENTIAL', { contract: 'D4' }, async () => {
  for (const options of [{ user: 'no such user' }, { group: 'no such group' }, { user: 4_000_000 }]) {
    assert.equal((await rejection(spawnDaemon(...sleep, options))).code, 'ERR_UNKNOWN_CREDENTIAL')
  }
})

test('an unprivileged caller that asks for another user gets EPERM', {
  contract: 'D4',
  ...needs('root', isRoot),
}, async (t) => {
  const prefix = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
  const [error] = await startElsewhere(t, [[...sleep, { user: 'daemon' }]], { prefix })
  assert.deepEqual(pick(error, 'code', 'syscall'), { code: 'EPERM', syscall: 'setgroups' })
})

// ── Options ──

test('cwd, umask and argv0 are as given', { contract: 'D23' }, async (t) => {
  const directory = fs.realpathSync(temporary(t))
  const pid = await spawned(t, ...sleep, { cwd: directory, umask: 0o077, argv0: 'another name' })
  assert.equal(cwdOf(pid), directory)
  assert.equal(status(pid, 'Umask'), '0077')
  assert.deepEqual(commandOf(pid), ['another name', '1000'])
})

test('without argv0, the program is called as `file` says', { contract: 'D23' }, async (t) => {
  assert.deepEqual(commandOf(await spawned(t, ...sleep)), ['sleep', '1000'])
})

test('the environment is the given one, undefined values absent', { contract: 'D23' }, async (t) => {
  const env = { PATH: process.env.PATH, GIVEN: 'a=b\nc', EMPTY: '', ABSENT: undefined }
  const pid = await spawned(t, ...sleep, { env })
  assert.deepEqual(await environmentOf(pid), { PATH: process.env.PATH, GIVEN: 'a=b\nc', EMPTY: '' })
})

test('without env, the environment is process.env at the call', { contract: 'D23' }, async (t) => {
  process.env.SET_BEFORE_THE_CALL = 'yes'
  t.after(() => delete process.env.SET_BEFORE_THE_CALL)
  assert.deepEqual(await environmentOf(await spawned(t, ...sleep)), { ...process.env })
})

test('the program is looked for in the PATH of `env`, directory by directory', { contract: 'D23' }, async (t) => {
  const directory = temporary(t)
  for (const one of ['b', 'c']) program(path.join(directory, one), 'wanted-program', SCRIPT)
  const log = path.join(directory, 'log')
  fs.writeFileSync(path.join(directory, 'b/wanted-program'), `#!/bin/sh\necho "$0" >>${log}\nexec sleep 1000\n`)
  const PATH = ['a', 'b', 'c'].map((one) => path.join(directory, one)).join(':')
  await spawned(t, 'wanted-program', [], { env: { PATH: `${PATH}:${process.env.PATH}` } })
  await until(() => fs.existsSync(log) && fs.readFileSync(log, 'utf8').endsWith('\n'))
  assert.equal(fs.readFileSync(log, 'utf8'), `${directory}/b/wanted-program\n`)
})

test('one that may not be run is passed over, and is EACCES where there is no other', {
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

test('an empty element of PATH is the directory of the daemon', { contract: 'D23' }, async (t) => {
  const directory = temporary(t)
  program(directory, 'wanted-program', SCRIPT)
  for (const PATH of ['/nowhere::/bin', ':/bin', '/bin:']) {
    const pid = await spawned(t, 'wanted-program', [], { env: { PATH }, cwd: directory })
    assert.equal(cwdOf(pid), fs.realpathSync(directory))
  }
})

test('a file with a slash is not looked for in PATH, and goes by cwd', { contract: 'D23' }, async (t) => {
  const directory = temporary(t)
  program(path.join(directory, 'in'), 'wanted-program', SCRIPT)
  const env = { PATH: `${directory}:${process.env.PATH}` }
  assert.equal((await rejection(spawnDaemon('in/wanted-program', [], { env }))).code, 'ENOENT')
  const pid = await spawned(t, 'in/wanted-program', [], { env, cwd: directory })
  assert.equal(isAlive(pid), true)
})

test('a text without #! is ENOEXEC, not run by a shell', { contract: 'D23' }, async (t) => {
  const directory = temporary(t)
  program(directory, 'wanted-program', 'sleep 1000\n')
  const error = await rejection(spawnDaemon('wanted-program', [], { env: { PATH: `${directory}:/bin` } }))
  assert.deepEqual(pick(error, 'code', 'syscall'), { code: 'ENOEXEC', syscall: 'execve' })
})

test('without PATH in `env`, a program is looked for in /bin and /usr/bin', { contract: 'D23' }, async (t) => {
  assert.equal(isAlive(await spawned(t, ...sleep, { env: {} })), true)
})

test('stdio: "inherit" and numbers are the caller’s descriptors, also crossed, and a fourth is open', {
  contract: 'D23',
}, async (t) => {
  const directory = temporary(t)
  const files = ['one', 'two'].map((name) => path.join(directory, name))
  const [one, two] = files.map((file) => fs.openSync(file, 'a'))
  t.after(() => [one, two].map((fd) => fs.closeSync(fd)))
  const pid = await spawned(t, ...sleep, { stdio: [two, one, 'inherit', two] })
  const err = descriptors()[2]
  await hasOpen(pid, { 0: files[1], 1: files[0], 2: err, 3: files[1] })
})

test('stdio: "inherit" is all three of the caller’s', { contract: 'D23' }, async (t) => {
  const pid = await spawned(t, ...sleep, { stdio: 'inherit' })
  await hasOpen(pid, pick(descriptors(), 0, 1, 2))
})

test('stdio: a path is appended to, and created with the daemon’s umask', { contract: 'D23' }, async (t) => {
  const directory = temporary(t)
  const [fresh, old] = ['fresh', 'old'].map((name) => path.join(directory, name))
  fs.writeFileSync(old, 'kept\n')
  const script = 'echo out; echo err >&2; exec sleep 1000'
  await spawned(t, 'sh', ['-c', script], { stdio: ['ignore', fresh, old], umask: 0o027 })
  await until(() => fs.readFileSync(old, 'utf8') === 'kept\nerr\n')
  assert.equal(fs.readFileSync(fresh, 'utf8'), 'out\n')
  assert.equal(fs.statSync(fresh).mode & 0o777, 0o640)
})
