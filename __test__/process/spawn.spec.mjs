// spawn(): the program, options, users, signals and errors. Other specs have the search in PATH (spawn-path), descriptors
// (spawn-stdio), pipes (spawn-pipes), terminals (job-control) and the end of the caller (parent-death).
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

// The ids of Debian's user and group without rights.
const NOBODY = 65534

// No process has this pid: the kernel's highest is 2^22.
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

/** Calls spawn() in another process; returns the result of each call. `prefix` comes before the command. */
async function elsewhere(prefix, calls, ...more) {
  const script = scriptCommand(fixture('process/report-spawns.mjs'), JSON.stringify(calls), ...more)
  const [program, ...args] = [...prefix, process.execPath, ...script]
  const { stdout, stderr, code } = await run(program, args).ended
  assert.equal(code, 0, stderr)
  return reports(stdout)
}

// ── The program ──

test('spawn(): returns a Process when the program has begun', { contract: 'P1' }, (t) => {
  const child = sleeper(t)
  assert.equal(exe(child.pid), fs.realpathSync('/bin/sleep'))
  assert.ok(child instanceof Process)
  assert.equal(stat(child.pid).ppid, process.pid)
  assert.deepEqual(children(), [child.pid])
})

test('spawn() args: arrive unchanged', { contract: 'P3' }, async (t) => {
  const args = ['', ' a  b ', "it's", '$HOME *', 'zwölf €', 'line\nbreak', '-']
  assert.equal(await said(t, 'printf', ['[%s]', ...args]), args.map((one) => `[${one}]`).join(''))
})

test('spawn() args: are empty by default', { contract: 'P3' }, async (t) => {
  assert.equal(await said(t, 'env', undefined, { env: { A: 'b' } }), 'A=b\n')
})

test('spawn() argv0: is the program’s own name, by default `file`', { contract: 'P3' }, async (t) => {
  const named = async (file, options) => (await said(t, file, ['/proc/self/cmdline'], options)).split('\0')[0]
  assert.equal(await named('cat'), 'cat')
  assert.equal(await named('/bin/cat'), '/bin/cat')
  for (const argv0 of ['another name', '']) assert.equal(await named('cat', { argv0 }), argv0)
})

test('spawn() cwd: is the working directory, by default the caller’s', { contract: 'P3' }, async (t) => {
  const directory = fs.realpathSync(temporary(t))
  assert.equal(cwdOf(sleeper(t, { cwd: directory }).pid), directory)
  assert.equal(cwdOf(sleeper(t, { cwd: path.relative(process.cwd(), directory) }).pid), directory)
  assert.equal(cwdOf(sleeper(t).pid), process.cwd())
})

test('spawn() env: is the whole environment, by default process.env', { contract: 'P3' }, async (t) => {
  const env = { PATH: process.env.PATH, GIVEN: 'a=b\nc', EMPTY: '', ABSENT: undefined }
  assert.deepEqual(await environmentOf(sleeper(t, { env }).pid), { PATH: process.env.PATH, GIVEN: 'a=b\nc', EMPTY: '' })
  process.env.SET_BEFORE_THE_CALL = 'yes'
  t.after(() => delete process.env.SET_BEFORE_THE_CALL)
  assert.deepEqual(await environmentOf(sleeper(t).pid), { ...process.env })
  // The harness finds children by a variable, so this child must end here.
  assert.equal(await said(t, 'env', [], { env: {} }), '')
})

test('spawn() umask: is the file mode mask, by default the caller’s', { contract: 'P3' }, (t) => {
  const before = process.umask(0o027)
  t.after(() => process.umask(before))
  assert.equal(status(sleeper(t).pid, 'Umask'), '0027')
  assert.equal(status(sleeper(t, { umask: 0o077 }).pid, 'Umask'), '0077')
  assert.equal(status(sleeper(t, { umask: 0 }).pid, 'Umask'), '0000')
})

test('spawn() session: the child leads a session without a terminal', { contract: 'P3' }, (t) => {
  const { pid } = sleeper(t, { session: true })
  const { session, pgrp, tty } = stat(pid)
  assert.deepEqual({ session, pgrp, tty }, { session: pid, pgrp: pid, tty: 0 })
})

test('spawn() processGroup: the child leads, joins or keeps a group', { contract: 'P3' }, (t) => {
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

test('spawn() processGroup: is refused together with `session`', { contract: 'P3' }, () => {
  const error = refusal('true', [], { session: true, processGroup: 0 })
  assert.equal(error.code, 'ERR_INVALID_ARG_VALUE')
})

test('spawn(): options of the child do not change the caller', { contract: 'P3' }, (t) => {
  // The first call opens descriptors that stay open.
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

test('spawn(): works in a worker thread', { contract: 'P3 W5' }, async (t) => {
  const worker = await caller(t)
  const pid = await worker.call('spawn', 'sh', ['-c', 'exit 7'], { stdio: 'ignore', cwd: '/', processGroup: 0 })
  assert.deepEqual(told(await worker.call('wait', pid)), exited(pid, 7))
})

// ── The user ──

test('spawn() user: a name sets the ids and supplementary groups', {
  contract: 'P3',
  ...needs('root', isRoot),
}, (t) => {
  const nobody = Array(4).fill(NOBODY)
  assert.deepEqual(idsOf(sleeper(t, { user: 'nobody' }).pid), [nobody, nobody, [NOBODY]])
})

test('spawn() user, group: numbers set the ids', { contract: 'P3', ...needs('root', isRoot) }, (t) => {
  const { pid } = sleeper(t, { user: 12345, group: 23456 })
  assert.deepEqual(idsOf(pid), [Array(4).fill(12345), Array(4).fill(23456), [23456]])
})

test('spawn() group: alone, keeps the user and the supplementary groups', {
  contract: 'P3',
  ...needs('root', isRoot),
}, (t) => {
  const [uid, , groups] = idsOf('self')
  assert.deepEqual(idsOf(sleeper(t, { group: 'nogroup' }).pid), [uid, Array(4).fill(NOBODY), groups])
})

test('spawn() user: the child does not regain root', { contract: 'P3', ...needs('root', isRoot) }, async (t) => {
  const script = [
    'import os',
    'for regain in (os.setuid, os.seteuid, os.setgid, os.setegid):',
    '  try: regain(0); print("regained")',
    '  except PermissionError: print("refused")',
  ].join('\n')
  assert.equal(await said(t, 'python3', ['-c', script], { user: 'nobody' }), 'refused\n'.repeat(4))
})

test('spawn() user, group: throws ERR_UNKNOWN_CREDENTIAL for an unknown name or id', { contract: 'P3' }, () => {
  for (const options of [{ user: 'no such user' }, { group: 'no such group' }, { user: 4_000_000 }]) {
    assert.equal(refusal('true', [], { stdio: 'ignore', ...options }).code, 'ERR_UNKNOWN_CREDENTIAL')
  }
})

const unprivileged = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
const withCapabilities = (names) => [...unprivileged, `--inh-caps=${names}`, `--ambient-caps=${names}`]
const EPERM = { code: 'EPERM', errno: -1, changed: {} }

for (const [what, prefix, options, syscall] of [
  ['another user, without capabilities', unprivileged, { user: 'daemon' }, 'setgroups'],
  ['another group, without capabilities', unprivileged, { group: 'daemon' }, 'setgid'],
  ['another user, with CAP_SETGID only', withCapabilities('+setgid'), { user: 'daemon' }, 'setuid'],
  ['a user that could regain root', withCapabilities('+setuid,+setgid'), { user: 'daemon' }, 'setuid'],
]) {
  test(`spawn(): throws EPERM of ${syscall}, ${what}`, {
    contract: 'P2',
    ...needs('root and setpriv', isRoot && hasProgram('setpriv')),
  }, async () => {
    const refused = ['true', [], { ...options, stdio: 'ignore' }]
    const [error, after] = await elsewhere(prefix, [refused, ['true', [], { stdio: 'ignore' }]])
    assert.deepEqual(error, { ...EPERM, syscall })
    assert.deepEqual(after, { state: 'exited', exitCode: 0 })
  })
}

// ── Signals ──

const SIGNALS = ['SigBlk', 'SigIgn', 'SigCgt']
const none = SIGNALS.map((field) => `${field}:\t${'0'.repeat(16)}\n`)

test('spawn(): the child has no blocked or ignored signals', { contract: 'P3' }, async () => {
  const call = ['cat', ['/proc/self/status'], { stdio: 'inherit' }]
  const script = scriptCommand(fixture('process/report-spawns.mjs'), JSON.stringify([call]))
  const { stdout, stderr } = await run('python3', [fixture('block-signals.py'), process.execPath, ...script]).ended
  assert.deepEqual(stdout.match(/^Sig(Blk|Ign|Cgt):\t\w+\n/gm), none, stderr)
  assert.match(stdout, /"exitCode":0/)
})

test('spawn(): keeps the caller’s signal mask and handlers', { contract: 'P3' }, (t) => {
  const own = () => SIGNALS.map((field) => status('self', field))
  const before = own()
  assert.notEqual(before[2], '0'.repeat(16))
  sleeper(t)
  refusal('/no such', [], { stdio: 'ignore' })
  assert.deepEqual(own(), before)
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
  test(`spawn(): throws the failed step’s error, ${what}`, { contract: 'P2' }, async () => {
    const [file, args, options] = call
    const error = refusal(file, args, { stdio: 'ignore', ...options })
    assert.deepEqual(facts(error), expected)
    assert.ok(error.message.startsWith(`${expected.code}: `) && error.message.includes(expected.syscall))
    // Each of many calls leaves nothing.
    for (let round = 0; round < 100; round++) refusal(file, args, { stdio: 'ignore', ...options })
  })
}

test('spawn(): throws EAGAIN of clone, at the user’s limit of processes', {
  contract: 'P2',
  ...needs('root, setpriv, prlimit and Node.js', isRoot && isNode && hasProgram('setpriv') && hasProgram('prlimit')),
}, async () => {
  // A user without other processes.
  const prefix = ['setpriv', '--reuid=54321', `--regid=${NOBODY}`, '--clear-groups']
  const [error] = await elsewhere(prefix, [['true', [], { stdio: 'ignore' }]], 1)
  assert.deepEqual(error, { code: 'EAGAIN', errno: -11, syscall: 'clone', changed: {} })
})

for (const [what, stdio, options] of [
  ['/dev/null', 'ignore', {}],
  ['pipes', ['pipe', 'pipe', 'pipe', 'pipe'], needs('Node.js', isNode)],
]) {
  test(`spawn(): throws EMFILE and leaks no descriptor, ${what}`, { contract: 'P2', ...options }, async () => {
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
  ['options instead of `args`, and options', 'ERR_INVALID_ARG_TYPE', 'true', { cwd: '/' }, {}],
  ['an unknown option', 'ERR_INVALID_ARG_VALUE', 'true', [], { detached: true }],
  ['a null byte in `argv0`', 'ERR_INVALID_ARG_VALUE', 'true', [], { argv0: 'a\0b' }],
  ['a null byte in `cwd`', 'ERR_INVALID_ARG_VALUE', 'true', [], { cwd: '/\0' }],
  ['an http: URL as `cwd`', 'ERR_INVALID_ARG_VALUE', 'true', [], { cwd: new URL('http://localhost') }],
  ['a null byte in a variable', 'ERR_INVALID_ARG_VALUE', 'true', [], { env: { A: '\0' } }],
  ['a null byte in a variable’s name', 'ERR_INVALID_ARG_VALUE', 'true', [], { env: { 'A\0': '' } }],
  ['an equals sign in a variable’s name', 'ERR_INVALID_ARG_VALUE', 'true', [], { env: { 'A=B': '' } }],
  ['null as a variable', 'ERR_INVALID_ARG_TYPE', 'true', [], { env: { A: null } }],
  ['a `umask` above 0o777', 'ERR_OUT_OF_RANGE', 'true', [], { umask: 0o1000 }],
  ['NaN as `processGroup`', 'ERR_OUT_OF_RANGE', 'true', [], { processGroup: Number.NaN }],
  ['a negative `processGroup`', 'ERR_OUT_OF_RANGE', 'true', [], { processGroup: -1 }],
  ['a number as `session`', 'ERR_INVALID_ARG_TYPE', 'true', [], { session: 1 }],
  ['a negative `foreground`', 'ERR_OUT_OF_RANGE', 'true', [], { foreground: -1 }],
  ['an unknown `parentDeathSignal`', 'ERR_INVALID_ARG_VALUE', 'true', [], { parentDeathSignal: 'SIGNONE' }],
  ['an unknown string as `stdio`', 'ERR_INVALID_ARG_VALUE', 'true', [], { stdio: 'pipes' }],
  ['a path in `stdio`', 'ERR_INVALID_ARG_VALUE', 'true', [], { stdio: ['ignore', '/dev/null'] }],
]) {
  test(`spawn(): throws ${code}, ${what}`, { contract: 'E2' }, () => {
    assert.equal(refusal(...call).code, code)
  })
}
