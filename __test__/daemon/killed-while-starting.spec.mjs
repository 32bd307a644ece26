// E3, D2, D9 under stress: killed at every step, out of descriptors, without rights, with two gigabytes, fifty at once.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { end, factsFrom, launch } from '../helpers/daemon.mjs'
import { hasProgram, isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { allPids, isAlive, stat } from '../helpers/proc.mjs'
import { fixture, limitedTo, root, run } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const strace = needs('strace', hasProgram('strace'))
const POINTS = 40

/** Launches under strace, which does something to one system call of the children. */
async function injected(context, injections, options = {}) {
  const log = path.join(temporary(context), 'log')
  const trace = path.join(temporary(context), 'trace')
  const inject = injections.flatMap((injection) => ['-e', `inject=${injection}`])
  const calls = injections.map((injection) => injection.split(':')[0]).join(',')
  const node = [process.execPath, fixture('catcher.cjs'), JSON.stringify({ stdout: log, ...options }), 'end']
  const { child, ended } = run('strace', ['-f', '-qq', '-o', trace, '-e', `trace=${calls}`, ...inject, ...node])
  return { child, ended, trace, log }
}

// What each process calls before it has exec'd, and nobody else in this program does.
for (const [who, call, options] of [
  ['the middle process', 'setsid', {}],
  ['the daemon', 'umask', {}],
  ['the daemon', 'setgroups', { user: 'nobody' }],
]) {
  test(`${who} killed at ${call} makes the launcher throw, and leaves nothing`, {
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
  test(`a failed ${call} in the child throws in the parent with errno and syscall, and no zombie`, {
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
  test(`a launcher killed while a child is at ${call} leaves nothing`, { contract: 'D9', ...strace }, async (t) => {
    const { child, ended } = await injected(t, [`${call}:delay_enter=4000000`])
    // strace's child is the launcher, whose child is the middle process, whose child is the daemon.
    const ancestors = (pid) => [stat(pid)?.ppid, stat(stat(pid)?.ppid)?.ppid, stat(stat(stat(pid)?.ppid)?.ppid)?.ppid]
    const isOurs = (pid) => isHeldAt(pid, call) && ancestors(pid).includes(child.pid)
    const held = await until(() => allPids().find(isOurs), `a child is at ${call}`)
    const launcher = ancestors(held)[ancestors(held).indexOf(child.pid) - 1]
    process.kill(launcher, 'SIGKILL')
    await until(() => !isAlive(launcher))
    // Once its time is up, the one that was held goes on, and ends.
    await ended
  })
}

test(`a launcher killed at any of ${POINTS} points leaves no daemon that was not ready`, {
  contract: 'D9',
}, async (t) => {
  const directory = temporary(t)
  // Never ready, so that none may live; what does is found when the test is over.
  const options = (log) => JSON.stringify({ stdout: log, ready: 'manual' })
  const reached = { nothing: 0, daemon: 0, daemonize: 0 }
  for (let point = 0; point < POINTS; point++) {
    const log = path.join(directory, String(point))
    const { child, ended } = run(process.execPath, [fixture('daemon.cjs'), options(log), 'never be ready'])
    const hasDaemon = () => allPids().some((pid) => stat(pid)?.ppid === child.pid)
    // A quarter before there is a daemon, most of the others while its Node starts, some after daemonize().
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
  test(`daemonize(): throws when ${who} is killed before readiness, ${POINTS} points`, async (t) => {
    const log = path.join(temporary(t), 'log')
    const outcomes = { ready: 0, killed: 0 }
    for (let point = 0; point < POINTS; point++) {
      fs.rmSync(log, { force: true })
      const { child, ended } = run(process.execPath, [fixture('catcher.cjs'), JSON.stringify({ stdout: log }), 'stay'])
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
  const launcher = [process.execPath, fixture('catcher.cjs'), JSON.stringify({ stdout: log }), 'exit']
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

/** As options of launch(). */
function nodeLimitedTo(count) {
  const [node, ...execArgv] = [...limitedTo(count), process.execPath]
  return { node, execArgv }
}

test('a launcher with 32 descriptors at the most starts a daemon', { contract: 'E3' }, async (t) => {
  const { code, stderr } = await launch(t, {}, nodeLimitedTo(32))
  assert.equal(code, 0, stderr)
})

test('with too few descriptors a start says EMFILE, from where Node itself can start', {
  contract: 'E3',
}, async (t) => {
  const outcomes = { started: 0, refused: 0 }
  for (let limit = 16; limit < 40; limit++) {
    const { node, execArgv } = nodeLimitedTo(limit)
    if ((await run(node, [...execArgv, fixture('daemon/plain.cjs')]).ended).code !== 0) continue
    const log = path.join(temporary(t), 'log')
    const { code, stderr } = await run(node, [...execArgv, fixture('daemon.cjs'), JSON.stringify({ stdout: log })])
      .ended
    if (code === 0) {
      outcomes.started++
      factsFrom(t, log)
    } else {
      outcomes.refused++
      // Or the daemon's Node, which has a few more to begin with, could not start.
      assert.match(stderr, /EMFILE|ERR_PROCNATIVE_DAEMON_EXITED/)
    }
  }
  assert.notEqual(outcomes.started, 0)
  assert.notEqual(outcomes.refused, 0)
})

test('sixteen descriptors are kept with no more than 40', { contract: 'E3' }, async (t) => {
  const { code, facts, stderr } = await launch(t, { keep: Array(16).fill(0) }, nodeLimitedTo(40))
  assert.equal(code, 0, stderr)
  assert.equal(facts.daemon.kept.length, 16)
})

test('a launcher whose poll is interrupted goes on waiting', { contract: 'E3', ...strace }, async (t) => {
  // The first is Node's own, when it looks at its standard streams.
  const { ended, log } = await injected(t, ['poll:error=EINTR:when=2..4'])
  const { code, stdout, stderr } = await ended
  assert.equal(code, 0, stderr)
  assert.equal(stdout, '')
  factsFrom(t, log)
})

test('where seccomp refuses close_range, everything is closed all the same', { contract: 'D2' }, async (t) => {
  const CLOSE_RANGE = '436'
  const log = path.join(temporary(t), 'log')
  const node = [process.execPath, fixture('daemon.cjs'), JSON.stringify({ stdout: log })]
  const many = ['python3', fixture('open-many.py'), 200, ...node]
  const { code, stderr } = await run('python3', [fixture('denies-syscall.py'), CLOSE_RANGE, '/usr/bin/env', ...many])
    .ended
  assert.equal(code, 0, stderr)
  const { facts } = factsFrom(t, log)
  assert.equal(Object.values(facts.descriptors).includes('/dev/zero'), false)
})

test('closing makes one call, however many descriptors there could be', { contract: 'D2', ...strace }, async (t) => {
  const { ended, trace, log } = await injected(t, [
    'close_range:delay_enter=0',
    'close:delay_enter=0',
    'execve:delay_enter=0',
  ])
  const { code, stderr } = await ended
  assert.equal(code, 0, stderr)
  factsFrom(t, log)
  const lines = fs.readFileSync(trace, 'utf8').split('\n')
  // The calls of the process that closed everything from 4 on, up to its exec.
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

test('an unprivileged user can do all this', { contract: 'D1', ...needs('root', isRoot) }, async (t) => {
  const identity = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath]
  const { facts, code, stderr } = await launch(t, {}, { node: 'setpriv', execArgv: identity })
  assert.equal(code, 0, stderr)
  assert.equal(facts.uid[0], 65534)
})

test('a launcher with two gigabytes of resident memory starts a daemon that has none of it', {
  contract: 'P1',
}, async (t) => {
  const log = path.join(temporary(t), 'log')
  const { code, stderr } = await run(process.execPath, [fixture('daemon/large.cjs'), log]).ended
  assert.equal(code, 0, stderr)
  assert.deepEqual(factsFrom(t, log).more, ['true'])
})

test('fifty starts at once are fifty daemons', { contract: 'D1' }, async (t) => {
  const results = await Promise.all(Array.from({ length: 50 }, () => launch(t, { readyTimeout: 100_000 })))
  for (const { code, stderr } of results) assert.equal(code, 0, stderr)
  assert.equal(new Set(results.map(({ facts }) => facts.pid)).size, 50)
  assert.equal(
    results.every(({ facts }) => isAlive(facts.pid)),
    true,
  )
})

/** So many turns of our own event loop: it is not for waiting, but to get to another point each time. */
async function turns(count) {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate)
}

/** Whether strace holds a process at a system call: it is stopped, and that is its call. */
function isHeldAt(pid, call) {
  const numbers = { setsid: '112', umask: '95' }
  try {
    return fs.readFileSync(`/proc/${pid}/syscall`, 'utf8').split(' ')[0] === numbers[call]
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EPERM', 'EACCES'].includes(error.code)) return false
    throw error
  }
}
