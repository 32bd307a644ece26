// daemonize() under stress: killed at every step, without descriptors or rights, two gigabytes, fifty starts at once.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { end, factsFrom, launch } from '../helpers/daemon.mjs'
import { hasProgram, isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { allPids, isAlive, stat } from '../helpers/proc.mjs'
import { repetitions } from '../helpers/repetitions.mjs'
import { fixture, limitedTo, root, run } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const strace = needs('strace', hasProgram('strace'))
// Each fourth point has the same stage; see below.
const POINTS = 4 * repetitions(10)

/** Launches under strace, which injects faults, delays or signals into system calls of the children. */
async function injected(context, injections, options = {}) {
  const log = path.join(temporary(context), 'log')
  const trace = path.join(temporary(context), 'trace')
  const inject = injections.flatMap((injection) => ['-e', `inject=${injection}`])
  const calls = injections.map((injection) => injection.split(':')[0]).join(',')
  const node = [process.execPath, fixture('report-failure.cjs'), JSON.stringify({ stdout: log, ...options }), 'end']
  const { child, ended } = run('strace', ['-f', '-qq', '-o', trace, '-e', `trace=${calls}`, ...inject, ...node])
  return { child, ended, trace, log }
}

// Each call is made by this one process only, before its exec.
for (const [who, call, options] of [
  ['the middle process', 'setsid', {}],
  ['the daemon', 'umask', {}],
  ['the daemon', 'setgroups', { user: 'nobody' }],
]) {
  test(`daemonize(): throws and leaves nothing, ${who} killed at ${call}`, {
    contract: 'D9',
    ...strace,
    ...(options.user && !isRoot ? needs('root', false) : {}),
  }, async (t) => {
    const { ended } = await injected(t, [`${call}:signal=KILL`], options)
    const { stdout, stderr } = await ended
    const error = JSON.parse(stdout || stderr)
    if (who === 'the daemon') assert.equal(error.signal, 'SIGKILL')
    else assert.equal(error.code, 'EINTR')
    assert.equal(error.leftChildren, 0)
  })
}

for (const [call, errno, expected] of [
  ['setsid', 'EPERM', { code: 'EPERM', syscall: 'setsid' }],
  ['setgroups', 'EINVAL', { code: 'EINVAL', syscall: 'setgroups' }],
  ['setresgid', 'EAGAIN', { code: 'EAGAIN', syscall: 'setgid' }],
  ['setresuid', 'EAGAIN', { code: 'EAGAIN', syscall: 'setuid' }],
]) {
  test(`daemonize(): throws errno and syscall of a failed ${call}, no zombie`, {
    contract: 'P2',
    ...strace,
    ...(isRoot ? {} : needs('root', false)),
  }, async (t) => {
    const { ended } = await injected(t, [`${call}:error=${errno}`], { user: 'nobody' })
    const { stdout, stderr } = await ended
    assert.notEqual(stdout, '', stderr)
    const { code, syscall, leftChildren } = JSON.parse(stdout)
    assert.deepEqual({ code, syscall }, expected)
    assert.equal(leftChildren, 0)
  })
}

for (const call of ['setsid', 'umask']) {
  test(`daemonize(): leaves nothing, launcher killed with a child at ${call}`, {
    contract: 'D9',
    ...strace,
  }, async (t) => {
    const { child, ended } = await injected(t, [`${call}:delay_enter=4000000`])
    // strace's child is the launcher, whose child is the middle process, whose child is the daemon.
    const ancestors = (pid) => [stat(pid)?.ppid, stat(stat(pid)?.ppid)?.ppid, stat(stat(stat(pid)?.ppid)?.ppid)?.ppid]
    const isOurs = (pid) => isHeldAt(pid, call) && ancestors(pid).includes(child.pid)
    const held = await until(() => allPids().find(isOurs), `a child is at ${call}`)
    const launcher = ancestors(held)[ancestors(held).indexOf(child.pid) - 1]
    process.kill(launcher, 'SIGKILL')
    await until(() => !isAlive(launcher))
    // After the delay, the held process goes on and ends.
    await ended
  })
}

test('daemonize(): leaves no daemon that was not ready, launcher killed anytime', { contract: 'D9' }, async (t) => {
  const directory = temporary(t)
  // No daemon becomes ready, so none may live. The harness finds a daemon that does.
  const options = (log) => JSON.stringify({ stdout: log, ready: 'manual' })
  const reached = { nothing: 0, daemon: 0, daemonize: 0 }
  for (let point = 0; point < POINTS; point++) {
    const log = path.join(directory, String(point))
    const { child, ended } = run(process.execPath, [fixture('daemon.cjs'), options(log), 'never be ready'])
    const hasDaemon = () => allPids().some((pid) => stat(pid)?.ppid === child.pid)
    // Points 0, 4, …: before the daemon exists. 1 and 2: while its Node.js starts. 3: after daemonize().
    if (point % 4 === 0) await turns(point * 50)
    else await until(hasDaemon)
    if (point % 4 === 2) await turns(point * 1000)
    if (point % 4 === 3) await until(() => fs.existsSync(log) && fs.readFileSync(log, 'utf8') !== '')
    const stage = fs.existsSync(log) && fs.readFileSync(log, 'utf8') !== '' ? 'daemonize' : 'daemon'
    reached[hasDaemon() ? stage : 'nothing']++
    child.kill('SIGKILL')
    assert.equal((await ended).signal, 'SIGKILL')
  }
  for (const [stage, times] of Object.entries(reached)) assert.notEqual(times, 0, `no kill at the stage: ${stage}`)
})

// The launcher's child is the middle process, whose child is the daemon.
for (const [who, isTarget] of [
  ['a daemon', (pid, launcher) => stat(stat(pid)?.ppid)?.ppid === launcher],
  ['the parent of a daemon', (pid, launcher) => stat(pid)?.ppid === launcher],
]) {
  test(`daemonize(): throws when ${who} is killed before readiness`, async (t) => {
    const log = path.join(temporary(t), 'log')
    const outcomes = { ready: 0, killed: 0 }
    for (let point = 0; point < POINTS; point++) {
      fs.rmSync(log, { force: true })
      const { child, ended } = run(process.execPath, [
        fixture('report-failure.cjs'),
        JSON.stringify({ stdout: log }),
        'stay',
      ])
      const target = await until(
        () => child.exitCode !== null || allPids().find((pid) => isTarget(pid, child.pid)),
        `${who} is there`,
      )
      await turns(point * 500)
      if (typeof target === 'number') await end(target)
      const { stdout, code, stderr } = await ended
      assert.equal(code, 0, stderr)
      if (stdout === '') {
        outcomes.ready++
        const line = fs.existsSync(log) && fs.readFileSync(log, 'utf8').split('\n')[0]
        if (line) await end(JSON.parse(line).pid)
      } else {
        outcomes.killed++
        const { signal, code, leftChildren } = JSON.parse(stdout)
        // Linux 6.15 and later report how the daemon of a dead parent ended.
        assert.ok(['SIGKILL', null].includes(signal) || code === 'EINTR', stdout)
        if (who === 'a daemon') assert.notEqual(signal, null)
        assert.equal(leftChildren, 0)
      }
    }
    assert.notEqual(outcomes.killed, 0)
  })
}

test('daemonize(): reports the exit code of a daemon, SIGCHLD ignored', strace, async (t) => {
  const directory = temporary(t)
  const [log, trace] = ['log', 'trace'].map((name) => path.join(directory, name))
  // Node.js resets the ignored signals that it inherits. strace makes it believe that SIGCHLD is ignored.
  const keepsIgnoring = ['strace', '-qq', '-o', trace, '-e', 'inject=rt_sigaction:retval=0']
  const launcher = [process.execPath, fixture('report-failure.cjs'), JSON.stringify({ stdout: log }), 'exit']
  const { stdout, stderr } = await run('env', ['--ignore-signal=CHLD', ...keepsIgnoring, ...launcher]).ended
  const { code, exitCode } = JSON.parse(stdout || stderr)
  assert.deepEqual({ code, exitCode }, { code: 'ERR_PROCNATIVE_DAEMON_EXITED', exitCode: 7 })
})

test('spawnDaemon(): the daemon gets a SIGTERM sent to the middle process', strace, async (t) => {
  const trace = path.join(temporary(t), 'trace')
  const hold = ['-f', '-qq', '-o', trace, '-e', 'trace=setsid', '-e', 'inject=setsid:delay_exit=1000000']
  const script = `require(${JSON.stringify(root)}).spawnDaemon('sleep', ['1000']).then(({ pid }) => console.log(pid))`
  const { child, ended } = run('strace', [...hold, process.execPath, '-e', script])
  // strace's child is the starter, whose child is the middle process.
  const isHeld = (pid) => isHeldAt(pid, 'setsid') && stat(stat(pid)?.ppid)?.ppid === child.pid
  const middle = await until(() => allPids().find(isHeld), 'the middle process is at setsid')
  process.kill(middle, 'SIGTERM')
  const { stdout, stderr } = await ended
  assert.notEqual(stdout, '', stderr)
  await until(() => !isAlive(Number(stdout)), 'the daemon has ended')
})

/** Returns options of launch() that limit the descriptors of the launcher. */
function nodeLimitedTo(count) {
  const [node, ...execArgv] = [...limitedTo(count), process.execPath]
  return { node, execArgv }
}

test('daemonize(): starts, 32 descriptors at most', { contract: 'E3' }, async (t) => {
  const { code, stderr } = await launch(t, {}, nodeLimitedTo(32))
  assert.equal(code, 0, stderr)
})

test('daemonize(): starts or throws, few descriptors', { contract: 'E3' }, async (t) => {
  const outcomes = { started: 0, refused: 0 }
  for (let limit = 16; limit < 40; limit++) {
    const { node, execArgv } = nodeLimitedTo(limit)
    if ((await run(node, [...execArgv, fixture('daemon/describe-itself.cjs')]).ended).code !== 0) continue
    const log = path.join(temporary(t), 'log')
    const { code, stderr } = await run(node, [...execArgv, fixture('daemon.cjs'), JSON.stringify({ stdout: log })])
      .ended
    if (code === 0) {
      outcomes.started++
      factsFrom(t, log)
    } else {
      outcomes.refused++
      // Or Node.js in the daemon, which begins with a few more descriptors, could not start.
      assert.match(stderr, /EMFILE|ERR_PROCNATIVE_DAEMON_EXITED/)
    }
  }
  assert.notEqual(outcomes.started, 0)
  assert.notEqual(outcomes.refused, 0)
})

test('daemonize(): keeps sixteen descriptors, 40 at most', { contract: 'E3' }, async (t) => {
  const { code, facts, stderr } = await launch(t, { keep: Array(16).fill(0) }, nodeLimitedTo(40))
  assert.equal(code, 0, stderr)
  assert.equal(facts.daemon.kept.length, 16)
})

test('daemonize(): goes on waiting, poll interrupted', { contract: 'E3', ...strace }, async (t) => {
  // Node.js makes the first call, for its standard streams.
  const { ended, log } = await injected(t, ['poll:error=EINTR:when=2..4'])
  const { code, stdout, stderr } = await ended
  assert.equal(code, 0, stderr)
  assert.equal(stdout, '')
  factsFrom(t, log)
})

test('daemonize(): closes every descriptor, close_range refused', { contract: 'D2' }, async (t) => {
  const CLOSE_RANGE = '436'
  const log = path.join(temporary(t), 'log')
  const node = [process.execPath, fixture('daemon.cjs'), JSON.stringify({ stdout: log })]
  const many = ['python3', fixture('open-many.py'), 200, ...node]
  const { code, stderr } = await run('python3', [fixture('deny-syscall.py'), CLOSE_RANGE, '/usr/bin/env', ...many])
    .ended
  assert.equal(code, 0, stderr)
  const { facts } = factsFrom(t, log)
  assert.equal(Object.values(facts.descriptors).includes('/dev/zero'), false)
})

test('daemonize(): closes descriptors by one call', { contract: 'D2', ...strace }, async (t) => {
  const { ended, trace, log } = await injected(t, [
    'close_range:delay_enter=0',
    'close:delay_enter=0',
    'execve:delay_enter=0',
  ])
  const { code, stderr } = await ended
  assert.equal(code, 0, stderr)
  factsFrom(t, log)
  const lines = fs.readFileSync(trace, 'utf8').split('\n')
  // Calls of the process that closed all descriptors from 4 on, until its exec.
  const [daemon] = lines.find((line) => /close_range\(4, 2147483647/.test(line)).split(' ')
  const own = lines.filter((line) => line.startsWith(`${daemon} `))
  const before = own.slice(
    0,
    own.findIndex((line) => line.includes('execve(')),
  )
  assert.deepEqual(
    before.map((line) => line.replace(/^\d+ +/, '').replace(/\(.*/s, '')),
    ['close_range'],
  )
})

test('daemonize(): works for an unprivileged user', { contract: 'D1', ...needs('root', isRoot) }, async (t) => {
  const identity = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath]
  const { facts, code, stderr } = await launch(t, {}, { node: 'setpriv', execArgv: identity })
  assert.equal(code, 0, stderr)
  assert.equal(facts.uid[0], 65534)
})

test('daemonize(): the daemon has no memory of a two-gigabyte launcher', { contract: 'P1' }, async (t) => {
  const log = path.join(temporary(t), 'log')
  const { code, stderr } = await run(process.execPath, [fixture('daemon/launch-with-two-gigabytes.cjs'), log]).ended
  assert.equal(code, 0, stderr)
  assert.deepEqual(factsFrom(t, log).more, ['true'])
})

test('daemonize(): fifty starts at once make fifty daemons', { contract: 'D1' }, async (t) => {
  const results = await Promise.all(Array.from({ length: 50 }, () => launch(t, { readyTimeout: 100_000 })))
  for (const { code, stderr } of results) assert.equal(code, 0, stderr)
  assert.equal(new Set(results.map(({ facts }) => facts.pid)).size, 50)
  assert.equal(
    results.every(({ facts }) => isAlive(facts.pid)),
    true,
  )
})

/** Turns the event loop `count` times, to reach another point of the start each time. */
async function turns(count) {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate)
}

/** Returns true if strace holds a process at a system call. */
function isHeldAt(pid, call) {
  const numbers = { setsid: '112', umask: '95' }
  try {
    return fs.readFileSync(`/proc/${pid}/syscall`, 'utf8').split(' ')[0] === numbers[call]
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EPERM', 'EACCES'].includes(error.code)) return false
    throw error
  }
}
