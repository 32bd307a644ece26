// Readiness of daemonize(): the main script, ready(), and the time-out.

import assert from 'node:assert/strict'
import fs from 'node:fs'
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

test('daemonize(): succeeds, daemon done and ended', { contract: 'D6' }, async (t) => {
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

test('daemonize(): succeeds, daemon ready and ended at once', { contract: 'D6' }, async (t) => {
  for (let round = 0; round < repetitions(50); round++) {
    const { code, stderr, facts } = await launch(t, { ready: 'manual' }, { behaviour: 'be ready and end at once' })
    assert.equal(code, 0, stderr)
    await until(() => !isAlive(facts.pid))
  }
})

test('daemonize(): waits for a top-level await', { contract: 'D7' }, async (t) => {
  const log = path.join(temporary(t), 'log')
  const { code, stderr } = await runScript(fixture('daemon/top-level-await.mjs'), [log, 'succeed'])
  assert.equal(code, 0, stderr)
  const { more } = factsFrom(t, log)
  assert.deepEqual(more, ['awaited'])
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
