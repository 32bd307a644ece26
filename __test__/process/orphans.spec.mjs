// W6: reapOrphans() and protect(): what nobody waits for is reaped, and what somebody does is left alone.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { reapOrphans } from '../../index.js'
import { end } from '../helpers/daemon.mjs'
import { hasProgram, isNode, isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, limitedTo, run, runScript } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'
import { Reaper, zombie } from './helpers/reaper.mjs'
import { assertRight } from './helpers/storm.mjs'

const NODE = needs('Node.js', isNode)
const NAMESPACE = needs('Node.js, root and unshare', isNode && isRoot && hasProgram('unshare'))
const AS_INIT = ['unshare', '-pf', '--mount-proc']

// ── What is reaped ──

test('an orphan is reaped, and the listener told its pid, exit code and usage', {
  contract: 'W6',
  ...NODE,
}, async (t) => {
  const reaper = await Reaper.start(t)
  await reaper.call('reap', 'a')
  const pid = await reaper.call('orphan', 'exit 7')
  const { heard, usage, ...status } = await reaper.told({ heard: 'a' })
  assert.deepEqual(status, { pid, state: 'exited', exitCode: 7, signal: null, coreDumped: false })
  assert.ok(usage.maxRSS > 0 && usage.userCPUTime >= 0 && usage.systemCPUTime >= 0, JSON.stringify(usage))
  assert.equal(await reaper.call('state', pid), null)
})

for (const signal of ['SIGKILL', 'SIGTERM', 'SIGHUP', 'SIGUSR2']) {
  test(`an orphan that was killed by ${signal} is reaped, and the listener told so`, {
    contract: 'W6',
    ...NODE,
  }, async (t) => {
    const reaper = await Reaper.start(t)
    await reaper.call('reap', 'a')
    const pid = await reaper.call('orphan', 'exec sleep 1000')
    await reaper.call('kill', pid, signal)
    const { heard, usage, ...status } = await reaper.told({ heard: 'a' })
    assert.deepEqual(status, { pid, state: 'killed', exitCode: null, signal, coreDumped: false })
    assert.equal(await reaper.call('state', pid), null)
  })
}

test('an orphan that stops and goes on is told of at its end, and not before', {
  contract: 'W6',
  ...NODE,
}, async (t) => {
  const reaper = await Reaper.start(t)
  await reaper.call('reap', 'a')
  const pid = await reaper.call('orphan', 'kill -STOP $$; exit 7')
  await reaper.inState(pid, 'T')
  await reaper.anotherReaped('a')
  assert.deepEqual(reaper.all({ pid }), [])
  await reaper.call('kill', pid, 'SIGCONT')
  await reaper.told({ heard: 'a', pid, state: 'exited', exitCode: 7 })
})

test('an orphan that was a zombie before the call is reaped', { contract: 'W6', ...NODE }, async (t) => {
  const reaper = await Reaper.start(t)
  const pid = await zombie(reaper, 'exit 3')
  await reaper.call('reap', 'a')
  await reaper.told({ heard: 'a', pid, exitCode: 3 })
})

test('without a listener, orphans are reaped all the same', { contract: 'W6', ...NODE }, async (t) => {
  const reaper = await Reaper.start(t)
  await reaper.call('reapSilently')
  await reaper.inState(await reaper.call('orphan', 'exit 3'), null)
})

test('a daemon of spawnDaemon() whose parent is the caller is reaped, and told of once', {
  contract: 'W6',
  ...NODE,
}, async (t) => {
  const reaper = await Reaper.start(t)
  await reaper.call('reap', 'a')
  const { pid } = await reaper.call('spawnDaemon', 'sleep', ['1000'])
  await reaper.call('kill', pid, 'SIGTERM')
  await reaper.told({ heard: 'a', pid, signal: 'SIGTERM' })
  await reaper.anotherReaped('a')
  assert.equal(reaper.all({ pid }).length, 1)
})

test('a child that a terminated worker thread has left is reaped when it dies', {
  contract: 'W6',
  ...NODE,
}, async (t) => {
  const reaper = await Reaper.start(t)
  await reaper.call('reap', 'a')
  const pid = await reaper.call('worker', 'exec sleep 1000')
  await reaper.call('terminate', pid)
  await reaper.call('kill', pid, 'SIGTERM')
  await reaper.told({ heard: 'a', pid, signal: 'SIGTERM' })
})

for (const when of ['before', 'after']) {
  const title = `a zombie that a terminated worker thread, started ${when} the call, has left is reaped`
  test(title, { contract: 'W6', ...NODE }, async (t) => {
    const reaper = await Reaper.start(t)
    if (when === 'after') await reaper.call('reap', 'a')
    const pid = await reaper.call('worker', 'exit 7')
    if (when === 'before') await reaper.call('reap', 'a')
    await reaper.inState(pid, 'Z')
    // The reaper has looked at it by then. That it becomes the main thread's later, no SIGCHLD tells.
    await reaper.anotherReaped('a')
    await reaper.call('terminate', pid)
    await reaper.inState(pid, null)
    // On Node.js 26, libuv may take it in the thread's last turn: then it was none of ours to tell of.
    await reaper.anotherReaped('a')
    for (const told of reaper.all({ pid })) assert.equal(told.exitCode, 7)
  })
}

// ── What is left alone ──

test('a zombie of spawn() is left to who waits for it', { contract: 'W6', ...NODE }, async (t) => {
  const reaper = await Reaper.start(t)
  await reaper.call('reap', 'a')
  const pids = []
  for (const code of [5, 6]) pids.push(await reaper.call('spawn', `exit ${code}`))
  for (const pid of pids) await reaper.inState(pid, 'Z')
  await reaper.anotherReaped('a')
  assert.equal((await reaper.call('waitForSpawned', pids[0])).exitCode, 5)
  assert.equal((await reaper.call('waitpid', pids[1])).exitCode, 6)
  for (const pid of pids) assert.deepEqual(reaper.all({ pid }), [])
})

test('a child of child_process that the runtime is late to wait for is left to it', {
  contract: 'W6',
  ...needs('Node.js, strace', isNode && hasProgram('strace')),
}, async (t) => {
  // libuv is told, once, that the child has not ended yet.
  const deceive = ['strace', '-qq', '-o', '/dev/null', '-e', 'trace=wait4', '-e', 'inject=wait4:retval=0:when=1']
  const reaper = await Reaper.start(t, deceive)
  await reaper.call('reap', 'a')
  const pid = await reaper.call('child', 'exit 5')
  await reaper.inState(pid, 'Z')
  // Five times as long as others have.
  await reaper.call('pass', 100)
  assert.equal(await reaper.call('state', pid), 'Z')
  await reaper.anotherReaped('a')
  await reaper.told({ ended: pid, code: 5 })
  assert.deepEqual(reaper.all({ heard: 'a', pid }), [])
})

test('for 20 ms, a zombie is left to who waits for it without our knowing', { contract: 'W6', ...NODE }, async (t) => {
  const reaper = await Reaper.start(t)
  await reaper.call('reap', 'a')
  const pid = await reaper.call('orphan', 'exec sleep 1000')
  await reaper.call('takeAtEnd', pid)
  await reaper.call('kill', pid, 'SIGKILL')
  await reaper.told({ taken: pid, signal: 'SIGKILL' })
  await reaper.anotherReaped('a')
  assert.deepEqual(reaper.all({ heard: 'a', pid }), [])
})

test('the zombie of a worker thread that does not wait for it is left to that thread', {
  contract: 'W6',
  ...NODE,
}, async (t) => {
  const reaper = await Reaper.start(t)
  await reaper.call('reap', 'a')
  const pid = await reaper.call('worker', 'exit 7')
  await reaper.inState(pid, 'Z')
  await reaper.anotherReaped('a')
  assert.equal(await reaper.call('state', pid), 'Z')
})

test('what protect() was told of is not reaped, and is when it was waited for by hand', {
  contract: 'W6',
  ...NODE,
}, async (t) => {
  const reaper = await Reaper.start(t)
  await reaper.call('reap', 'a')
  const pid = await reaper.call('orphan', 'kill -STOP $$; exit 7')
  await reaper.call('protect', pid)
  await reaper.inState(pid, 'T')
  await reaper.call('kill', pid, 'SIGCONT')
  await reaper.inState(pid, 'Z')
  await reaper.anotherReaped('a')
  assert.equal(await reaper.call('state', pid), 'Z')
  assert.equal((await reaper.call('waitpid', pid)).exitCode, 7)
  assert.equal(await reaper.call('state', pid), null)
  assert.deepEqual(reaper.all({ pid }), [])
})

test('what was protected before reapOrphans() was called is not reaped', { contract: 'W6', ...NODE }, async (t) => {
  const reaper = await Reaper.start(t)
  const pid = await zombie(reaper, 'exit 7')
  await reaper.call('protect', pid)
  await reaper.call('reap', 'a')
  await reaper.anotherReaped('a')
  assert.equal(await reaper.call('state', pid), 'Z')
})

test('what was protected may be a process that one may not signal any more', {
  contract: 'W6',
  ...needs('Node.js and root', isNode && isRoot),
}, async (t) => {
  const reaper = await Reaper.start(t)
  const pid = await reaper.call('child', 'exec sleep 1000')
  t.after(() => end(pid))
  await reaper.call('protect', pid)
  await reaper.call('become', 65534)
  await reaper.call('protect', reaper.pid)
  await reaper.call('reap', 'a')
  await reaper.anotherReaped('a')
  process.kill(pid, 'SIGKILL')
  await until(() => reaper.all({ ended: pid }).length > 0)
})

test('an orphan that wait() observes is reaped, and both hear how it ended', {
  contract: 'W3 W6',
  ...NODE,
}, async (t) => {
  const reaper = await Reaper.start(t)
  await reaper.call('reap', 'a')
  const pid = await reaper.call('orphan', 'kill -STOP $$; exit 7')
  await reaper.inState(pid, 'T')
  const observed = reaper.call('wait', pid, { observe: true })
  await reaper.call('kill', pid, 'SIGCONT')
  assert.equal((await observed).exitCode, 7)
  await reaper.told({ heard: 'a', pid, exitCode: 7 })
})

// ── The number of one that has gone is another one's ──

const HISTORIES = {
  'was a child of child_process': async (reaper) => {
    const pid = await reaper.call('child', 'exit 1')
    await reaper.told({ ended: pid })
    return pid
  },
  'was a child of spawn(), which was waited for': async (reaper) => {
    const pid = await reaper.call('spawn', 'exit 1')
    await reaper.call('waitForSpawned', pid)
    return pid
  },
  'was a child of spawn(), which waitpid() has taken': async (reaper) => {
    const pid = await reaper.call('spawn', 'exit 1')
    await reaper.call('waitpid', pid)
    return pid
  },
  'was protected': async (reaper) => {
    const pid = await reaper.call('orphan', 'kill -STOP $$; exit 1')
    await reaper.call('protect', pid)
    await reaper.inState(pid, 'T')
    await reaper.call('kill', pid, 'SIGCONT')
    await reaper.inState(pid, 'Z')
    // The reaper has looked by then, and will look again when there is another one of that pid.
    await reaper.anotherReaped('a')
    await reaper.call('waitpid', pid)
    return pid
  },
  'was an orphan, which wait() has taken': async (reaper) => {
    const pid = await reaper.call('orphan', 'exec sleep 1000')
    const taken = reaper.call('wait', pid)
    await reaper.call('kill', pid, 'SIGKILL')
    assert.equal((await taken).signal, 'SIGKILL')
    return pid
  },
}

for (const [history, make] of Object.entries(HISTORIES)) {
  test(`an orphan whose pid ${history} is reaped`, { contract: 'W6', ...NAMESPACE }, async (t) => {
    const reaper = await Reaper.start(t, AS_INIT)
    await reaper.call('reap', 'a')
    const pid = await make(reaper)
    await reaper.inState(pid, null)
    assert.equal(await reaper.call('orphanNumbered', pid, 'exit 9'), pid)
    await reaper.told({ heard: 'a', pid, exitCode: 9 })
  })
}

// ── Listeners, and the end ──

test('stop() ends it: an orphan stays a zombie, until reapOrphans() is called again', {
  contract: 'W6',
  ...NODE,
}, async (t) => {
  const reaper = await Reaper.start(t)
  const handlers = await reaper.call('signalHandlers')
  await reaper.call('reap', 'a')
  await reaper.anotherReaped('a')
  await reaper.call('stop', 'a')
  await reaper.call('stop', 'a')
  assert.equal(await reaper.call('signalHandlers'), handlers)

  const pid = await zombie(reaper, 'exit 7')
  // A child whose end is told is the loop's turn to have seen the zombie, and its life longer than a reaper waits.
  const child = await reaper.call('child', 'sleep 0.1')
  await reaper.told({ ended: child })
  assert.equal(await reaper.call('state', pid), 'Z')
  await reaper.call('reap', 'b')
  await reaper.told({ heard: 'b', pid, exitCode: 7 })
  assert.deepEqual(reaper.all({ heard: 'a', pid }), [])
})

test('of an orphan that is a zombie when stop() is called, nobody is told', { contract: 'W6', ...NODE }, async (t) => {
  const reaper = await Reaper.start(t)
  const pid = await zombie(reaper, 'exit 7')
  await reaper.call('reapAndStop', 'a')
  const child = await reaper.call('child', 'sleep 0.1')
  await reaper.told({ ended: child })
  assert.equal(await reaper.call('state', pid), 'Z')
  assert.deepEqual(reaper.all({ heard: 'a' }), [])
})

test('two listeners hear of each orphan, and one still does when the other is stopped', {
  contract: 'W6',
  ...NODE,
}, async (t) => {
  const reaper = await Reaper.start(t)
  await reaper.call('reap', 'a')
  await reaper.call('reap', 'b')
  const first = await reaper.call('orphan', 'exit 7')
  for (const heard of ['a', 'b']) await reaper.told({ heard, pid: first, exitCode: 7 })
  await reaper.call('stop', 'a')
  const second = await reaper.call('orphan', 'exit 8')
  await reaper.told({ heard: 'b', pid: second, exitCode: 8 })
  const tellings = reaper.events.map(({ heard, pid }) => `${heard} ${pid}`)
  assert.deepEqual(tellings.toSorted(), [`a ${first}`, `b ${first}`, `b ${second}`])
})

test('a listener that throws does not end the reaping, and its errors are uncaught ones', {
  contract: 'W6',
  ...NODE,
}, async (t) => {
  const reaper = await Reaper.start(t)
  await reaper.call('reap', 'a', 'thrown by a')
  await reaper.call('reap', 'b')
  // Three at once: the error of one is not to cost the others their turn.
  const pids = []
  for (const code of [1, 2, 3]) pids.push(await reaper.call('orphan', `exit ${code}`))
  for (const [index, pid] of pids.entries()) {
    for (const heard of ['a', 'b']) await reaper.told({ heard, pid, exitCode: index + 1 })
  }
  await until(() => reaper.all({ uncaught: 'thrown by a' }).length === 3, 'three errors are told')
  await reaper.anotherReaped('b')
})

test('it does not keep the event loop alive', { contract: 'W6', ...NODE }, async (t) => {
  const { code, stdout, stderr } = await runScript(fixture('process/orphans-idle.mjs'))
  const [pid] = reports(stdout)
  t.after(() => end(pid))
  assert.equal(code, 0, stderr)
  // It was there all the time.
  process.kill(pid, 0)
})

test('an orphan that ends while no descriptor can be opened is reaped', { contract: 'W6 E3', ...NODE }, async (t) => {
  const reaper = await Reaper.start(t, limitedTo(64))
  await reaper.call('reap', 'a')
  const pid = await reaper.call('orphan', 'exec sleep 1000')
  await reaper.call('exhaust')
  await reaper.call('kill', pid, 'SIGTERM')
  await reaper.told({ heard: 'a', pid, signal: 'SIGTERM' })
  await reaper.call('relent')
})

test('it takes nothing by -1 or by a group, and never blocks', {
  contract: 'W6',
  ...needs('Node.js, strace', isNode && hasProgram('strace')),
}, async (t) => {
  const log = path.join(temporary(t), 'log')
  const reaper = await Reaper.start(t, ['strace', '-f', '-qq', '-o', log, '-e', 'trace=waitid,wait4'])
  await reaper.call('reap', 'a')
  for (const code of [1, 2, 3]) {
    const child = await reaper.call('child', `exit ${code}`)
    await reaper.told({ ended: child, code })
    await reaper.anotherReaped('a')
  }
  const lines = fs.readFileSync(log, 'utf8').split('\n')
  const waits = lines.filter((line) => line.startsWith(`${reaper.pid} `) && /wait(id|4)\(/.test(line))
  assert.ok(waits.length >= 6, waits.join('\n'))
  const harmless = /waitid\((P_PID|P_PIDFD), [1-9]\d*, .*\bWNOHANG\b|waitid\(.*\bWNOHANG\b.*\bWNOWAIT\b/
  // spawnSync(), which the reaper makes orphans by, waits for its own children by their pids.
  const own = /wait4\([1-9]\d*, /
  assert.deepEqual(
    waits.filter((line) => !harmless.test(line) && !own.test(line)),
    [],
  )
})

// ── Where ownership can't be known ──

test('off the main thread, both throw ERR_PROCNATIVE_WORKER_THREAD', { contract: 'W6', ...NODE }, async () => {
  const { stdout, stderr } = await runScript(fixture('process/report-reaping-refusals.mjs'), ['worker'])
  assert.deepEqual(reports(stdout), [Array(2).fill('ERR_PROCNATIVE_WORKER_THREAD')], stderr)
})

test('in Bun and Deno, reapOrphans() throws ERR_PROCNATIVE_RUNTIME', {
  contract: 'W6',
  ...needs('Bun or Deno', !isNode),
}, () => {
  assert.throws(() => reapOrphans(), { code: 'ERR_PROCNATIVE_RUNTIME' })
})

test('where the kernel lists no children, reapOrphans() throws ENOENT', { contract: 'W6', ...NAMESPACE }, async () => {
  const hide = ['--mount', 'sh', '-c', 'mount -t tmpfs none /proc/$$/task && exec "$@"', 'sh']
  const { stdout, stderr } = await run('unshare', [
    ...hide,
    process.execPath,
    fixture('process/report-reaping-refusals.mjs'),
  ]).ended
  assert.deepEqual(
    reports(stdout).map(([code]) => code),
    ['ENOENT'],
    stderr,
  )
})

// ── All of it at once ──

for (const [where, prefix] of [
  ['a subreaper', []],
  ['PID 1', AS_INIT],
  ['PID 1, with --kill-child', [...AS_INIT, '--kill-child']],
]) {
  const title = `${where} with 500 children, 660 orphans, worker threads and stalls hears of each once, and rightly`
  test(title, { contract: 'W6', ...(prefix.length > 0 ? NAMESPACE : NODE) }, async (t) => {
    const log = path.join(temporary(t), 'log')
    const [program, ...args] = [...prefix, process.execPath, fixture('process/reap-storm.mjs'), log]
    const { code, stdout, stderr } = await run(program, args).ended
    assert.deepEqual([code, stderr], [0, ''])
    assertRight(reports(stdout)[0], log)
  })
}
