// Errors of daemonize(): failed steps of the start, and errors and exits of the daemon.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { failure } from '../helpers/daemon.mjs'
import { hasProgram, isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { fixture, root, run, runScript } from '../helpers/run.mjs'

// ── Steps of the start ──

for (const [what, options, pattern] of [
  [
    'opening a log',
    { stdout: '/no such directory/log' },
    { code: 'ENOENT', syscall: 'open', path: '/no such directory/log' },
  ],
  ['chdir', { cwd: '/no such directory' }, { code: 'ENOENT', syscall: 'chdir', path: '/no such directory' }],
  ['chdir to a file', { cwd: '/etc/passwd' }, { code: 'ENOTDIR', syscall: 'chdir', path: '/etc/passwd' }],
  ['a closed descriptor', { stdout: 999 }, { code: 'EBADF', syscall: 'fcntl' }],
  ['keeping a closed descriptor', { keep: [999] }, { code: 'EBADF', syscall: 'fcntl' }],
]) {
  test(`daemonize(): throws the system error, ${what}`, { contract: 'D10' }, async (t) => {
    const error = await failure(t, options, 'stay')
    for (const [key, value] of Object.entries(pattern)) assert.equal(error[key], value)
    assert.equal(error.leftChildren, 0)
  })
}

test('daemonize(): throws EACCES of execve, program closed to the user', {
  contract: 'D10',
  ...needs('root', isRoot),
}, async (t) => {
  const directory = path.join(temporary(t), 'closed')
  fs.mkdirSync(directory, { mode: 0o700 })
  const node = path.join(directory, 'node')
  fs.copyFileSync(process.execPath, node)
  const { stdout, stderr } = await run(node, [fixture('report-failure.cjs'), '{"user":"nobody"}', 'stay']).ended
  assert.notEqual(stdout, '', stderr)
  const { code, syscall, path: named, leftChildren } = JSON.parse(stdout)
  assert.deepEqual(
    { code, syscall, named, leftChildren },
    { code: 'EACCES', syscall: 'execve', named: node, leftChildren: 0 },
  )
})

test('daemonize(): throws EACCES of chdir, directory closed to the user', {
  contract: 'D10',
  ...needs('root', isRoot),
}, async (t) => {
  const cwd = path.join(temporary(t), 'closed')
  fs.mkdirSync(cwd, { mode: 0o700 })
  const { code, syscall, path: named } = await failure(t, { cwd, user: 'nobody' }, 'stay')
  assert.deepEqual({ code, syscall, named }, { code: 'EACCES', syscall: 'chdir', named: cwd })
})

test('daemonize(): throws ENXIO, log is a FIFO without a reader', {
  contract: 'D10',
  ...needs('mkfifo', hasProgram('mkfifo')),
}, async (t) => {
  const fifo = path.join(temporary(t), 'fifo')
  await run('mkfifo', [fifo]).ended
  const { code, syscall } = await failure(t, { stdout: fifo }, 'stay')
  assert.deepEqual({ code, syscall }, { code: 'ENXIO', syscall: 'open' })
})

// ── The daemon ──

for (const behaviour of ['throw', 'reject']) {
  test(`daemonize(): throws the daemon’s error as cause, ${behaviour} at the start`, { contract: 'D7' }, async (t) => {
    const error = await failure(t, { stdout: 'ignore' }, behaviour)
    assert.equal(error.code, 'ERR_PROCNATIVE_DAEMON_EXITED')
    assert.equal(error.exitCode, 1)
    assert.equal(error.signal, null)
    assert.match(error.cause.message, /(thrown|rejected) at the start/)
    assert.match(error.cause.stack, /daemon\.cjs/)
    assert.match(error.stderr, /at the start/)
    assert.equal(error.message.includes(error.stderr.trimEnd()), true)
  })
}

test('daemonize(): the cause has name and code of the error', { contract: 'D7' }, async (t) => {
  const { cause } = await failure(t, {}, 'throw')
  assert.equal(cause.name, 'RangeError')
  assert.equal(cause.code, 'E_MINE')
})

test('daemonize(): reports a thrown value that is no error', { contract: 'D7' }, async (t) => {
  const { cause } = await failure(t, {}, 'throw text')
  assert.match(cause.message, /only text/)
})

test('daemonize(): reports an error whose name and message are objects', { contract: 'D7' }, async (t) => {
  const { code, cause } = await failure(t, {}, 'throw what is no text')
  assert.equal(code, 'ERR_PROCNATIVE_DAEMON_EXITED')
  assert.equal(cause.name, "[ 'a', 'list' ]")
  assert.match(cause.message, /^\{\s+body: 'x{1000,}/)
  assert.equal(cause.code, 7)
})

test('daemonize(): reports a long error without its bigint code', { contract: 'D7' }, async (t) => {
  const { code, exitCode, cause } = await failure(t, {}, 'throw at length')
  assert.equal(code, 'ERR_PROCNATIVE_DAEMON_EXITED')
  assert.equal(exitCode, 1)
  assert.match(cause.message, /^x{1000,}$/)
  assert.equal(cause.code, undefined)
})

test('daemonize(): kills the daemon’s child, failed start', { contract: 'D7' }, async (t) => {
  const { code } = await failure(t, {}, 'start a child and throw')
  assert.equal(code, 'ERR_PROCNATIVE_DAEMON_EXITED')
})

test('daemonize(): reports a syntax error in a file loaded later', { contract: 'D7' }, async (t) => {
  const { cause, exitCode } = await failure(t, {}, 'require a broken file')
  assert.equal(cause.name, 'SyntaxError')
  assert.match(cause.stack, /not-javascript\.txt/)
  assert.equal(exitCode, 1)
})

test('daemonize(): reports a top-level await that fails late', { contract: 'D7' }, async (t) => {
  const log = path.join(temporary(t), 'log')
  const { code, stderr } = await runScript(fixture('daemon/top-level-await.mjs'), [log, 'fail'])
  assert.equal(code, 1)
  assert.match(stderr, /ERR_PROCNATIVE_DAEMON_EXITED/)
  assert.match(stderr, /\[cause\]: Error: too late/)
})

test('daemonize(): reports the exit code', { contract: 'D7' }, async (t) => {
  const { code, exitCode, signal } = await failure(t, {}, 'exit')
  assert.deepEqual({ code, exitCode, signal }, { code: 'ERR_PROCNATIVE_DAEMON_EXITED', exitCode: 7, signal: null })
})

test('daemonize(): names process.exit(), called before readiness', async (t) => {
  const { exitCode, message } = await failure(t, {}, 'exit 0')
  assert.equal(exitCode, 0)
  assert.match(message, /it called process\.exit\(\)/)
  assert.doesNotMatch(message, /ready\(\)/)
})

test('daemonize(): names itself, daemon does not call it', async (t) => {
  const script = `
    const fs = require('node:fs')
    const { daemonize } = require(${JSON.stringify(root)})
    const [, flag] = process.argv
    if (fs.existsSync(flag)) return
    fs.writeFileSync(flag, '')
    daemonize()`
  const { stderr } = await runScript('-e', [`(() => {${script}})()`, path.join(temporary(t), 'flag')])
  assert.match(stderr, /ended with exit code 0 .*, or never called daemonize\(\)/)
})

test('daemonize(): says that the launcher listens, address in use', async () => {
  const script = (early) => `
    const { daemonize } = require(${JSON.stringify(root)})
    const net = require('node:net')
    const port = Number(process.argv[1])
    if (${early}) net.createServer().listen(port)
    daemonize({ stderr: 'inherit' })
    net.createServer().listen(port)`
  const taken = net.createServer().listen(0)
  const { port } = taken.address()
  const other = await runScript('-e', [script(false), port])
  assert.match(other.stderr, /EADDRINUSE/)
  assert.doesNotMatch(other.stderr, /the launcher still/)
  await new Promise((resolve) => taken.close(resolve))
  const { stderr } = await runScript('-e', [script(true), port])
  assert.match(stderr, /EADDRINUSE/)
  assert.match(stderr, /the launcher still listens/)
})

for (const [what, socket] of [
  ['a TCP port', 'net.createServer().listen(port)'],
  ['a UDP port', "dgram.createSocket('udp4').bind(port)"],
]) {
  test(`daemonize(): says that the launcher listens before it, on ${what}`, async () => {
    const server = net.createServer().listen(0)
    const { port } = server.address()
    await new Promise((resolve) => server.close(resolve))
    const script = `
      const { daemonize } = require(${JSON.stringify(root)})
      const dgram = require('node:dgram')
      const net = require('node:net')
      const port = Number(process.argv[1])
      ${socket}.on('listening', () => daemonize())`
    const { stderr } = await runScript('-e', [script, port])
    assert.match(stderr, /EADDRINUSE/)
    assert.match(stderr, /the launcher still listens/)
  })
}

test('daemonize(): says that ready() was never called, event loop empty', { contract: 'D7' }, async (t) => {
  const { exitCode, message } = await failure(t, { ready: 'manual' }, 'end')
  assert.equal(exitCode, 0)
  assert.match(message, /never called ready\(\)/)
})

for (const [behaviour, signal] of [
  ['be killed', 'SIGKILL'],
  ['segfault', 'SIGSEGV'],
  ['abort', 'SIGABRT'],
]) {
  test(`daemonize(): reports the signal ${signal}`, { contract: 'D7' }, async (t) => {
    const error = await failure(t, {}, behaviour)
    assert.equal(error.code, 'ERR_PROCNATIVE_DAEMON_EXITED')
    assert.equal(error.signal, signal)
    assert.equal(error.exitCode, null)
  })
}

test('daemonize(): reports the message of V8, out of memory', { contract: 'D7' }, async (t) => {
  const error = await failure(t, { stdout: 'ignore' }, 'run out of memory', { execArgv: ['--max-old-space-size=32'] })
  assert.match(error.stderr, /heap out of memory/)
  assert.equal(error.signal, 'SIGABRT')
})

test('daemonize(): error.stderr is the last 64 KiB', { contract: 'D7' }, async (t) => {
  const { stderr } = await failure(t, { stdout: 'ignore' }, 'write much')
  assert.equal(stderr.length, 65536)
  assert.equal(stderr.endsWith('xthe last words'), true)
})

test('daemonize(): error.stderr has only the lines of this start, file', { contract: 'D7' }, async (t) => {
  const log = path.join(temporary(t), 'old log')
  fs.writeFileSync(log, 'of long ago\n')
  const { stderr } = await failure(t, { stderr: log }, 'throw')
  assert.doesNotMatch(stderr, /of long ago/)
  assert.match(stderr, /thrown at the start/)
})
