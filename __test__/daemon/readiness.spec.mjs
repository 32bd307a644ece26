// Readiness of daemonize(): success, errors of the daemon, and the time-out.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { end, factsFrom, failure, firstLine, launch } from '../helpers/daemon.mjs'
import { isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { isAlive, stat, status } from '../helpers/proc.mjs'
import { repetitions } from '../helpers/repetitions.mjs'
import { fixture, root, run, runScript } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

test('daemonize(): the launcher ends without its exit handlers', { contract: 'D6' }, async (t) => {
  const marks = path.join(temporary(t), 'marks')
  const { code, facts } = await launch(
    t,
    {},
    { execArgv: ['-r', fixture('daemon/mark-exit.cjs')], env: { ...process.env, MARKS: marks } },
  )
  assert.equal(code, 0)
  await end(facts.pid, 'SIGTERM')
  assert.equal(fs.existsSync(marks), false)
})

test('daemonize(): waits for the rest of the main script', { contract: 'D6' }, async (t) => {
  const error = await failure(t, {}, 'throw')
  assert.equal(error.code, 'ERR_PROCNATIVE_DAEMON_EXITED')
})

test('daemonize(): an error in the first turn fails the start', { contract: 'D6' }, async (t) => {
  const error = await failure(t, {}, 'throw in a callback')
  assert.equal(error.cause.message, 'thrown at the start')
})

test('daemonize(): succeeds, daemon catches its error', { contract: 'D6' }, async (t) => {
  const { code, facts } = await launch(t, {}, { behaviour: 'catch it all' })
  assert.equal(code, 0)
  assert.equal(isAlive(facts.pid), true)
})

test('Daemon ready(): ends the launcher, ready: "manual"', { contract: 'D6' }, async (t) => {
  const { code, facts } = await launch(t, { ready: 'manual' }, { behaviour: 'ready by hand' })
  assert.equal(code, 0)
  assert.equal(isAlive(facts.pid), true)
})

test('daemonize(): succeeds, daemon done and ended', {
  contract: 'D6',
}, async (t) => {
  const { code, facts } = await launch(t, {}, { behaviour: 'end' })
  assert.equal(code, 0)
  await until(() => !isAlive(facts.pid))
})

test('daemonize(): succeeds, daemon ready and ended after a caught error', { contract: 'D6' }, async (t) => {
  const log = path.join(temporary(t), 'log')
  const options = JSON.stringify({ stdout: log, ready: 'manual' })
  const { child, ended } = run(process.execPath, [fixture('daemon.cjs'), options, 'catch at SIGUSR2, be ready and end'])
  const { pid } = await until(() => fs.existsSync(log) && firstLine(log), 'the daemon has begun')
  const SIGUSR2 = 1n << 11n
  await until(() => BigInt(`0x${status(pid, 'SigCgt')}`) & SIGUSR2, 'the daemon has a handler')
  child.kill('SIGSTOP')
  const threads = () => fs.readdirSync(`/proc/${child.pid}/task`).map((id) => stat(`${child.pid}/task/${id}`))
  await until(() => threads().every((thread) => thread?.state === 'T'), 'the launcher is stopped')
  process.kill(pid, 'SIGUSR2')
  await until(() => !isAlive(pid), 'the daemon has ended')
  child.kill('SIGCONT')
  const { code, stderr } = await ended
  assert.equal(code, 0, stderr)
})

for (const behaviour of ['throw', 'reject']) {
  test(`daemonize(): throws the daemon’s error as cause, ${behaviour} at the start`, {
    contract: 'D7',
  }, async (t) => {
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

test('daemonize(): succeeds, daemon ready and ended at once', { contract: 'D6' }, async (t) => {
  for (let round = 0; round < repetitions(50); round++) {
    const { code, stderr, facts } = await launch(t, { ready: 'manual' }, { behaviour: 'be ready and end at once' })
    assert.equal(code, 0, stderr)
    await until(() => !isAlive(facts.pid))
  }
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

test('daemonize(): waits for a top-level await', { contract: 'D7' }, async (t) => {
  const log = path.join(temporary(t), 'log')
  const { code, stderr } = await runScript(fixture('daemon/top-level-await.mjs'), [log, 'succeed'])
  assert.equal(code, 0, stderr)
  const { more } = factsFrom(t, log)
  assert.deepEqual(more, ['awaited'])
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

test('daemonize(): stderr is /dev/null after readiness, "ignore"', { contract: 'D7' }, async (t) => {
  const { facts } = await launch(t, { stderr: 'ignore' })
  assert.match(facts.descriptors[2], /memfd:/)
  assert.equal(fs.readlinkSync(`/proc/${facts.pid}/fd/2`), '/dev/null')
})

test('daemonize(): an ignored stderr does not count for RLIMIT_FSIZE', async (t) => {
  const directory = temporary(t)
  const script = `
    const { daemonize } = require(${JSON.stringify(root)})
    daemonize({ ready: 'manual' })
    process.stderr.write('written to nowhere', (error) => process.exit(error ? 3 : 7))`
  const limited = ['-c', 'ulimit -f 0; exec "$@"', 'sh', process.execPath, '-e', script]
  const { stderr } = await run('sh', limited, { cwd: directory }).ended
  assert.match(stderr, /exit code 7/)
})

test('daemonize(): kills and reaps the process group, past readyTimeout', { contract: 'D8' }, async (t) => {
  const directory = temporary(t)
  const { stdout, code, stderr } = await runScript(fixture('daemon/miss-ready-timeout.cjs'), [directory])
  assert.equal(code, 0, stderr)
  const error = JSON.parse(stdout)
  assert.equal(error.code, 'ERR_PROCNATIVE_DAEMON_TIMEOUT')
  assert.equal(error.zombies, 0)
  const [daemon, child] = fs.readFileSync(path.join(directory, 'pids'), 'utf8').split(' ').map(Number)
  await until(() => !isAlive(daemon) && !isAlive(child))
})

test('daemonize(): kills a daemon outside its process group, past readyTimeout', { contract: 'D8' }, async (t) => {
  const options = { ready: 'manual', readyTimeout: 1000 }
  const { code, leftChildren } = await failure(t, options, 'lead a session and never be ready')
  assert.equal(code, 'ERR_PROCNATIVE_DAEMON_TIMEOUT')
  assert.equal(leftChildren, 0)
})

test('daemonize(): says that it may not kill, past readyTimeout', {
  contract: 'D8',
  ...needs('root', isRoot),
}, async (t) => {
  const log = path.join(temporary(t), 'log')
  const options = JSON.stringify({ stdout: log, ready: 'manual', readyTimeout: 1000, user: 'nobody' })
  const withoutKill = [
    '--bounding-set=-kill',
    process.execPath,
    fixture('report-failure.cjs'),
    options,
    'never be ready',
  ]
  const { stdout, stderr } = await run('setpriv', withoutKill).ended
  await end(firstLine(log).pid)
  const { code, message } = JSON.parse(stdout || stderr)
  assert.equal(code, 'ERR_PROCNATIVE_DAEMON_TIMEOUT')
  assert.match(message, /may not kill/)
})

test('daemonize(): has no time-out while it waits for a debugger', { contract: 'D8' }, async (t) => {
  const log = path.join(temporary(t), 'log')
  const { child, ended } = run(process.execPath, [fixture('daemon/wait-for-debugger.cjs'), log])
  // The daemon needs longer than its millisecond to get here.
  await until(() => fs.existsSync(log) && fs.readFileSync(log, 'utf8').includes('Debugger listening'))
  assert.equal(isAlive(child.pid), true)
  child.kill('SIGKILL')
  await ended
})
