// P1–P3: spawn(), its options and its errors. Descriptors are in spawn-stdio.spec.mjs, terminals in job-control.spec.mjs,
// and the end of the caller in parent-death.spec.mjs.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { Process } from '../../index.js'
import { caller, exited, sleeper, started, told } from '../helpers/children.mjs'
import { hasProgram, isNode, isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { children, exe, stat, status } from '../helpers/proc.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, limitedTo, run, scriptCommand } from '../helpers/run.mjs'
import { environmentOf } from '../helpers/spawned.mjs'
import { state } from '../helpers/state.mjs'
import { said } from './helpers/output.mjs'
import { changedSince, facts, refusal } from './helpers/refusals.mjs'

// Debian's user without rights, and its group.
const NOBODY = 65534

// No process has it: the kernel's highest is 2^22.
const NONE = 2 ** 31 - 1

const cwdOf = (pid) => fs.readlinkSync(`/proc/${pid}/cwd`)
const idsOf = (pid) => {
  const text = fs.readFileSync(`/proc/${pid}/status`, 'utf8')
  const numbers = (field) =>
    text
      .match(new RegExp(`^${field}:(.*)$`, 'm'))[1]
      .split(/\s+/)
      .filter(Boolean)
      .map(Number)
  return ['Uid', 'Gid', 'Groups'].map(numbers)
}

/** Calls spawn() in another process, with what may stand before that; returns what came of each call. */
async function elsewhere(prefix, calls, ...more) {
  const script = scriptCommand(fixture('process/report-spawns.mjs'), JSON.stringify(calls), ...more)
  const [program, ...args] = [...prefix, process.execPath, ...script]
  const { stdout, stderr, code } = await run(program, args).ended
  assert.equal(code, 0, stderr)
  return reports(stdout)
}

// ── The program ──

test('spawn() returns when the program has begun, and gives a Process with its pid', { contract: 'P1' }, (t) => {
  const child = sleeper(t)
  assert.equal(exe(child.pid), fs.realpathSync('/bin/sleep'))
  assert.ok(child instanceof Process)
  assert.equal(stat(child.pid).ppid, process.pid)
  assert.deepEqual(children(), [child.pid])
})

test('the program gets its arguments as they are given', { contract: 'P3' }, async (t) => {
  const args = ['', ' a  b ', "it's", '$HOME *', 'zwölf €', 'line\nbreak', '-']
  assert.equal(await said(t, 'printf', ['[%s]', ...args]), args.map((one) => `[${one}]`).join(''))
})

test('without `args`, the program has none', { contract: 'P3' }, async (t) => {
  assert.equal(await said(t, 'env', undefined, { env: { A: 'b' } }), 'A=b\n')
})

test('`argv0` is what the program sees as its own name; by default it is `file`', { contract: 'P3' }, async (t) => {
  const named = async (file, options) => (await said(t, file, ['/proc/self/cmdline'], options)).split('\0')[0]
  assert.equal(await named('cat'), 'cat')
  assert.equal(await named('/bin/cat'), '/bin/cat')
  for (const argv0 of ['another name', '']) assert.equal(await named('cat', { argv0 }), argv0)
})

test('`cwd` is the working directory; by default it is the caller’s', { contract: 'P3' }, async (t) => {
  const directory = fs.realpathSync(temporary(t))
  assert.equal(cwdOf(sleeper(t, { cwd: directory }).pid), directory)
  assert.equal(cwdOf(sleeper(t, { cwd: path.relative(process.cwd(), directory) }).pid), directory)
  assert.equal(cwdOf(sleeper(t).pid), process.cwd())
})

test('`env` is the whole environment, undefined values absent; by default it is process.env', {
  contract: 'P3',
}, async (t) => {
  const env = { PATH: process.env.PATH, GIVEN: 'a=b\nc', EMPTY: '', ABSENT: undefined }
  assert.deepEqual(await environmentOf(sleeper(t, { env }).pid), { PATH: process.env.PATH, GIVEN: 'a=b\nc', EMPTY: '' })
  process.env.SET_BEFORE_THE_CALL = 'yes'
  t.after(() => delete process.env.SET_BEFORE_THE_CALL)
  assert.deepEqual(await environmentOf(sleeper(t).pid), { ...process.env })
  // A child without any environment is none that the harness finds.
  assert.equal(await said(t, 'env', [], { env: {} }), '')
})

test('`umask` is the file mode creation mask; by default it is the caller’s', { contract: 'P3' }, (t) => {
  const before = process.umask(0o027)
  t.after(() => process.umask(before))
  assert.equal(status(sleeper(t).pid, 'Umask'), '0027')
  assert.equal(status(sleeper(t, { umask: 0o077 }).pid, 'Umask'), '0077')
  assert.equal(status(sleeper(t, { umask: 0 }).pid, 'Umask'), '0000')
})

test('`session` makes the child lead a session of its own, without a terminal', { contract: 'P3' }, (t) => {
  const { pid } = sleeper(t, { session: true })
  const { session, pgrp, tty } = stat(pid)
  assert.deepEqual({ session, pgrp, tty }, { session: pid, pgrp: pid, tty: 0 })
})

test('`processGroup` makes the child lead a group, or join one; by default it stays in the caller’s', {
  contract: 'P3',
}, (t) => {
  const own = stat('self')
  const leader = sleeper(t, { processGroup: 0 })
  const member = sleeper(t, { processGroup: leader.pid })
  const neither = sleeper(t, { session: false })
  assert.deepEqual(
    [leader, member, neither].map(({ pid }) => [stat(pid).pgrp, stat(pid).session]),
    [
      [leader.pid, own.session],
      [leader.pid, own.session],
      [own.pgrp, own.session],
    ],
  )
})

test('`processGroup` is refused where the child leads a session, which leads its group', { contract: 'P3' }, () => {
  const error = refusal('true', [], { session: true, processGroup: 0 })
  assert.equal(error.code, 'ERR_INVALID_ARG_VALUE')
})

test('what is done for the child is not done to the caller', { contract: 'P3' }, (t) => {
  // Opened once.
  sleeper(t)
  const before = state()
  const identity = isRoot ? { user: 'nobody' } : {}
  const child = started(t, 'sleep', ['1000'], { cwd: '/', umask: 0o077, session: true, env: { A: 'b' }, ...identity })
  const {
    children: [, more],
    ...changed
  } = changedSince(before)
  assert.ok(String(more).split(',').includes(String(child.pid)))
  const opened = Object.values(changed).map(([, now]) => now)
  assert.deepEqual(
    opened.map((what) => /^(anon_inode:)?\[?pidfd/.test(what)),
    [true],
    JSON.stringify(changed),
  )
  assert.equal(fs.statSync('/proc/self/stat').uid, process.getuid())
})

test('spawn() works in a worker thread', { contract: 'P3 W5' }, async (t) => {
  const worker = await caller(t)
  const pid = await worker.call('spawn', 'sh', ['-c', 'exit 7'], { stdio: 'ignore', cwd: '/', processGroup: 0 })
  assert.deepEqual(told(await worker.call('wait', pid)), exited(pid, 7))
})

// ── The user ──

test('`user` by name: its ids and supplementary groups', { contract: 'P3', ...needs('root', isRoot) }, (t) => {
  const nobody = Array(4).fill(NOBODY)
  assert.deepEqual(idsOf(sleeper(t, { user: 'nobody' }).pid), [nobody, nobody, [NOBODY]])
})

test('`user` and `group` by number', { contract: 'P3', ...needs('root', isRoot) }, (t) => {
  const { pid } = sleeper(t, { user: 12345, group: 23456 })
  assert.deepEqual(idsOf(pid), [Array(4).fill(12345), Array(4).fill(23456), [23456]])
})

test('`group` alone changes neither the user nor the supplementary groups', {
  contract: 'P3',
  ...needs('root', isRoot),
}, (t) => {
  const [uid, , groups] = idsOf('self')
  assert.deepEqual(idsOf(sleeper(t, { group: 'nogroup' }).pid), [uid, Array(4).fill(NOBODY), groups])
})

test('a child that was given another user does not regain root', {
  contract: 'P3',
  ...needs('root', isRoot),
}, async (t) => {
  const script = [
    'import os',
    'for regain in (os.setuid, os.seteuid, os.setgid, os.setegid):',
    '  try: regain(0); print("regained")',
    '  except PermissionError: print("refused")',
  ].join('\n')
  assert.equal(await said(t, 'python3', ['-c', script], { user: 'nobody' }), 'refused\n'.repeat(4))
})

test('a user or group that does not exist is ERR_UNKNOWN_CREDENTIAL', { contract: 'P3' }, () => {
  for (const options of [{ user: 'no such user' }, { group: 'no such group' }, { user: 4_000_000 }]) {
    assert.equal(refusal('true', [], { stdio: 'ignore', ...options }).code, 'ERR_UNKNOWN_CREDENTIAL')
  }
})

const unprivileged = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
const withCapabilities = (names) => [...unprivileged, `--inh-caps=${names}`, `--ambient-caps=${names}`]
const EPERM = { code: 'EPERM', errno: -1, changed: {} }

for (const [what, prefix, options, syscall] of [
  ['another user, without a right to it', unprivileged, { user: 'daemon' }, 'setgroups'],
  ['another group, without a right to it', unprivileged, { group: 'daemon' }, 'setgid'],
  ['another user, with a right to groups only', withCapabilities('+setgid'), { user: 'daemon' }, 'setuid'],
  ['a user who could regain root', withCapabilities('+setuid,+setgid'), { user: 'daemon' }, 'setuid'],
]) {
  test(`${what} is EPERM of ${syscall}`, {
    contract: 'P2',
    ...needs('root and setpriv', isRoot && hasProgram('setpriv')),
  }, async () => {
    const refused = ['true', [], { ...options, stdio: 'ignore' }]
    const [error, after] = await elsewhere(prefix, [refused, ['true', [], { stdio: 'ignore' }]])
    assert.deepEqual(error, { ...EPERM, syscall })
    assert.deepEqual(after, { state: 'exited', exitCode: 0 })
  })
}

// ── PATH ──

/** A directory with programs that say where they were found: `{ 'a/wanted': 0o755 }`. */
function programs(t, modes) {
  const directory = fs.realpathSync(temporary(t))
  for (const [name, mode] of Object.entries(modes)) {
    const file = path.join(directory, name)
    fs.mkdirSync(path.dirname(file), { recursive: true })
    fs.writeFileSync(file, '#!/bin/sh\necho "$0"\n')
    fs.chmodSync(file, mode)
  }
  return { directory, search: (...names) => names.map((name) => path.join(directory, name)).join(':') }
}

const missing = (code, errno) => ({ code, errno, syscall: 'execve', path: 'wanted' })

test('the program is looked for in the PATH of `env`, directory by directory', { contract: 'P3' }, async (t) => {
  const { directory, search } = programs(t, { 'b/wanted': 0o755, 'c/wanted': 0o755 })
  const found = (PATH) => said(t, 'wanted', [], { env: { PATH } })
  assert.equal(await found(search('a', 'b', 'c')), `${directory}/b/wanted\n`)
  assert.equal(await found(search('c', 'b')), `${directory}/c/wanted\n`)
})

test('the caller’s PATH does not count where `env` has one, or is given without', { contract: 'P3' }, async (t) => {
  const { search } = programs(t, { 'a/wanted': 0o755 })
  const before = process.env.PATH
  t.after(() => Object.assign(process.env, { PATH: before }))
  process.env.PATH = `${search('a')}:${before}`
  for (const env of [{}, { PATH: '/usr/bin:/bin' }]) {
    assert.deepEqual(facts(refusal('wanted', [], { stdio: 'ignore', env })), missing('ENOENT', -2))
  }
  assert.equal(await said(t, 'wanted'), `${search('a')}/wanted\n`)
  // Without any it is /bin:/usr/bin.
  assert.equal(await said(t, 'printf', ['found'], { env: {} }), 'found')
})

test('a directory of PATH that is none, or not there, is passed over', { contract: 'P3' }, async (t) => {
  const { directory, search } = programs(t, { 'a/wanted': 0o755 })
  const PATH = `/no such:/dev/null:${search('a')}`
  assert.equal(await said(t, 'wanted', [], { env: { PATH } }), `${directory}/a/wanted\n`)
})

test('a file of PATH that may not be run is passed over, and EACCES where there is no other', {
  contract: 'P3',
}, async (t) => {
  const { directory, search } = programs(t, { 'denied/wanted': 0o644, 'a/wanted': 0o755 })
  const PATH = search('empty', 'denied', 'empty', 'a')
  assert.equal(await said(t, 'wanted', [], { env: { PATH } }), `${directory}/a/wanted\n`)
  for (const names of [['denied'], ['denied', 'empty'], ['empty', 'denied', 'empty']]) {
    const error = refusal('wanted', [], { stdio: 'ignore', env: { PATH: search(...names) } })
    assert.deepEqual(facts(error), missing('EACCES', -13))
  }
})

test('a text without #! is ENOEXEC, is not run by a shell, and ends the search', { contract: 'P3' }, (t) => {
  const { directory, search } = programs(t, { 'text/wanted': 0o755, 'a/wanted': 0o755 })
  fs.writeFileSync(path.join(directory, 'text/wanted'), 'exit 0\n')
  const error = refusal('wanted', [], { stdio: 'ignore', env: { PATH: search('text', 'a') } })
  assert.deepEqual(facts(error), missing('ENOEXEC', -8))
})

test('an empty element of PATH is the child’s working directory, and relative ones go by that', {
  contract: 'P3',
}, async (t) => {
  const { directory } = programs(t, { wanted: 0o755, 'in/only': 0o755 })
  for (const PATH of ['/nowhere::/bin', ':/bin', '/bin:', '']) {
    const found = await said(t, 'wanted', [], { env: { PATH }, cwd: directory })
    assert.ok(['./wanted\n', 'wanted\n'].includes(found), found)
  }
  assert.equal(await said(t, 'only', [], { env: { PATH: '/bin:in' }, cwd: directory }), 'in/only\n')
})

test('a file with a slash is not looked for in PATH, and goes by `cwd`', { contract: 'P3' }, async (t) => {
  const { directory } = programs(t, { 'in/wanted': 0o755 })
  const env = { PATH: `${directory}:/bin` }
  assert.deepEqual(facts(refusal('in/wanted', [], { stdio: 'ignore', env })), {
    ...missing('ENOENT', -2),
    path: 'in/wanted',
  })
  assert.equal(await said(t, 'in/wanted', [], { env, cwd: directory }), 'in/wanted\n')
})

// ── Errors ──

for (const [what, call, expected] of [
  ['no such program', ['/no such'], { code: 'ENOENT', errno: -2, syscall: 'execve', path: '/no such' }],
  ['a program below a file', ['/dev/null/x'], { code: 'ENOTDIR', errno: -20, syscall: 'execve', path: '/dev/null/x' }],
  ['a directory as a program', ['/'], { code: 'EACCES', errno: -13, syscall: 'execve', path: '/' }],
  [
    'too long an argument',
    ['true', ['x'.repeat(2 ** 17)]],
    { code: 'E2BIG', errno: -7, syscall: 'execve', path: 'true' },
  ],
  ['no such cwd', ['true', [], { cwd: '/no such' }], { code: 'ENOENT', errno: -2, syscall: 'chdir', path: '/no such' }],
  [
    'a file as cwd',
    ['true', [], { cwd: '/dev/null' }],
    { code: 'ENOTDIR', errno: -20, syscall: 'chdir', path: '/dev/null' },
  ],
  ['no such group', ['true', [], { processGroup: NONE }], { code: 'EPERM', errno: -1, syscall: 'setpgid' }],
]) {
  test(`${what} throws that step’s error; no child, zombie or descriptor is left`, { contract: 'P2' }, async () => {
    const [file, args, options] = call
    const error = refusal(file, args, { stdio: 'ignore', ...options })
    assert.deepEqual(facts(error), expected)
    assert.ok(error.message.startsWith(`${expected.code}: `) && error.message.includes(expected.syscall))
    // As often as one likes.
    for (let round = 0; round < 100; round++) refusal(file, args, { stdio: 'ignore', ...options })
  })
}

test('where the user may have no more processes, it is EAGAIN of clone', {
  contract: 'P2',
  ...needs('root, setpriv, prlimit and Node.js', isRoot && isNode && hasProgram('setpriv') && hasProgram('prlimit')),
}, async () => {
  // Somebody who has nothing else.
  const prefix = ['setpriv', '--reuid=54321', `--regid=${NOBODY}`, '--clear-groups']
  const [error] = await elsewhere(prefix, [['true', [], { stdio: 'ignore' }]], 1)
  assert.deepEqual(error, { code: 'EAGAIN', errno: -11, syscall: 'clone', changed: {} })
})

for (const [what, stdio, options] of [
  ['of /dev/null', 'ignore', {}],
  ['of pipes', ['pipe', 'pipe', 'pipe', 'pipe'], needs('Node.js', isNode)],
]) {
  test(`where descriptors run out, for that of the child or ${what}, it is EMFILE, and none is lost`, {
    contract: 'P2',
    ...options,
  }, async () => {
    const most = 16
    const script = scriptCommand(fixture('process/spawn-without-descriptors.mjs'), JSON.stringify(stdio), most)
    const { stdout, stderr } = await run('env', [...limitedTo(64), process.execPath, ...script]).ended
    const rounds = reports(stdout)
    assert.equal(rounds.length, most + 1, stderr)
    const enough = rounds.findIndex(({ code }) => code === undefined)
    assert.ok(enough > 0 && enough < most, stdout)
    for (const { free, code, syscall, ...left } of rounds) {
      assert.equal(code, free < enough ? 'EMFILE' : undefined, stdout)
      assert.equal(typeof syscall, free < enough ? 'string' : 'undefined')
      assert.deepEqual(left, { leaked: 0, children: 0 }, stdout)
    }
  })
}

for (const [what, code, ...call] of [
  ['a null byte in `file`', 'ERR_INVALID_ARG_VALUE', 'a\0b'],
  ['an empty `file`', 'ERR_INVALID_ARG_VALUE', ''],
  ['a number as `file`', 'ERR_INVALID_ARG_TYPE', 1],
  ['a null byte in `args`', 'ERR_INVALID_ARG_VALUE', 'true', ['a', 'a\0b']],
  ['NaN in `args`', 'ERR_OUT_OF_RANGE', 'true', [Number.NaN]],
  ['a hole in `args`', 'ERR_INVALID_ARG_TYPE', 'true', Array(1)],
  ['a string as `args`', 'ERR_INVALID_ARG_TYPE', 'true', 'a'],
  ['options in the place of `args`, and others', 'ERR_INVALID_ARG_TYPE', 'true', { cwd: '/' }, {}],
  ['an option that there is none of', 'ERR_INVALID_ARG_VALUE', 'true', [], { detached: true }],
  ['a null byte in `argv0`', 'ERR_INVALID_ARG_VALUE', 'true', [], { argv0: 'a\0b' }],
  ['a null byte in `cwd`', 'ERR_INVALID_ARG_VALUE', 'true', [], { cwd: '/\0' }],
  ['a URL of the web as `cwd`', 'ERR_INVALID_ARG_VALUE', 'true', [], { cwd: new URL('http://localhost') }],
  ['a null byte in a variable', 'ERR_INVALID_ARG_VALUE', 'true', [], { env: { A: '\0' } }],
  ['a null byte in a variable’s name', 'ERR_INVALID_ARG_VALUE', 'true', [], { env: { 'A\0': '' } }],
  ['an equals sign in a variable’s name', 'ERR_INVALID_ARG_VALUE', 'true', [], { env: { 'A=B': '' } }],
  ['null as a variable', 'ERR_INVALID_ARG_TYPE', 'true', [], { env: { A: null } }],
  ['too high a `umask`', 'ERR_OUT_OF_RANGE', 'true', [], { umask: 0o1000 }],
  ['NaN as `processGroup`', 'ERR_OUT_OF_RANGE', 'true', [], { processGroup: Number.NaN }],
  ['a negative `processGroup`', 'ERR_OUT_OF_RANGE', 'true', [], { processGroup: -1 }],
  ['a number as `session`', 'ERR_INVALID_ARG_TYPE', 'true', [], { session: 1 }],
  ['a negative `foreground`', 'ERR_OUT_OF_RANGE', 'true', [], { foreground: -1 }],
  ['no signal as `parentDeathSignal`', 'ERR_INVALID_ARG_VALUE', 'true', [], { parentDeathSignal: 'SIGNONE' }],
  ['what `stdio` does not know', 'ERR_INVALID_ARG_VALUE', 'true', [], { stdio: 'pipes' }],
  ['a file’s name in `stdio`', 'ERR_INVALID_ARG_VALUE', 'true', [], { stdio: ['ignore', '/dev/null'] }],
]) {
  test(`${what} is ${code}, and nothing is started`, { contract: 'E2' }, () => {
    assert.equal(refusal(...call).code, code)
  })
}
