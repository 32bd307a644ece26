// reapOrphans() and protect(): reap orphans, and leave children with another waiter alone.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { reapOrphans } from '../../index.js'
import { end } from '../helpers/daemon.mjs'
import { hasProgram, isNode, isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, library, limitedTo, run, runScript } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'
import { Reaper, zombie } from './helpers/reaper.mjs'
import { assertRight } from './helpers/storm.mjs'

const NODE = needs('Node.js', isNode)
const NAMESPACE = needs('Node.js, root and unshare', isNode && isRoot && hasProgram('unshare'))
const AS_INIT = ['unshare', '-pf', '--mount-proc']

// ── Reaped ──

test('reapOrphans(): the listener receives the pid, exit code and usage', { contract: 'W6', ...NODE }, async (t) => {
  const reaper = await Reaper.start(t)
  await reaper.call('reap', 'a')
  const pid = await reaper.call('orphan', 'exit 7')
  const { heard, usage, ...status } = await reaper.told({ heard: 'a' })
  assert.deepEqual(status, { pid, state: 'exited', exitCode: 7, signal: null, coreDumped: false })
  assert.ok(usage.maxRSS > 0 && usage.userCPUTime >= 0 && usage.systemCPUTime >= 0, JSON.stringify(usage))
  assert.equal(await reaper.call('state', pid), null)
})

for (const signal of ['SIGKILL', 'SIGTERM', 'SIGHUP', 'SIGUSR2']) {
  test(`reapOrphans(): the listener receives the signal, ${signal}`, { contract: 'W6', ...NODE }, async (t) => {
    const reaper = await Reaper.start(t)
    await reaper.call('reap', 'a')
    const pid = await reaper.call('orphan', 'exec sleep 1000')
    await reaper.call('kill', pid, signal)
    const { heard, usage, ...status } = await reaper.told({ heard: 'a' })
    assert.deepEqual(status, { pid, state: 'killed', exitCode: null, signal, coreDumped: false })
    assert.equal(await reaper.call('state', pid), null)
  })
}

test('reapOrphans(): a stopped orphan is reported only at its end', { contract: 'W6', ...NODE }, async (t) => {
  const reaper = await Reaper.start(t)
  await reaper.call('reap', 'a')
  const pid = await reaper.call('orphan', 'kill -STOP $$; exit 7')
  await reaper.inState(pid, 'T')
  await reaper.anotherReaped('a')
  assert.deepEqual(reaper.all({ pid }), [])
  await reaper.call('kill', pid, 'SIGCONT')
  await reaper.told({ heard: 'a', pid, state: 'exited', exitCode: 7 })
})

test('reapOrphans(): reaps an earlier zombie', { contract: 'W6', ...NODE }, async (t) => {
  const reaper = await Reaper.start(t)
  const pid = await zombie(reaper, 'exit 3')
  await reaper.call('reap', 'a')
  await reaper.told({ heard: 'a', pid, exitCode: 3 })
})

test('reapOrphans(): works without a listener', { contract: 'W6', ...NODE }, async (t) => {
  const reaper = await Reaper.start(t)
  await reaper.call('reapSilently')
  await reaper.inState(await reaper.call('orphan', 'exit 3'), null)
})

test('reapOrphans(): reaps and reports a daemon of spawnDaemon(), once', { contract: 'W6', ...NODE }, async (t) => {
  const reaper = await Reaper.start(t)
  await reaper.call('reap', 'a')
  const { pid } = await reaper.call('spawnDaemon', 'sleep', ['1000'])
  await reaper.call('kill', pid, 'SIGTERM')
  await reaper.told({ heard: 'a', pid, signal: 'SIGTERM' })
  await reaper.anotherReaped('a')
  assert.equal(reaper.all({ pid }).length, 1)
})

test('reapOrphans(): reaps a child of a terminated worker thread', { contract: 'W6', ...NODE }, async (t) => {
  const reaper = await Reaper.start(t)
  await reaper.call('reap', 'a')
  const pid = await reaper.call('worker', 'exec sleep 1000')
  await reaper.call('terminate', pid)
  await reaper.call('kill', pid, 'SIGTERM')
  await reaper.told({ heard: 'a', pid, signal: 'SIGTERM' })
})

for (const when of ['before', 'after']) {
  const title = `reapOrphans(): reaps a zombie of a terminated worker, started ${when} it`
  test(title, { contract: 'W6', ...NODE }, async (t) => {
    const reaper = await Reaper.start(t)
    if (when === 'after') await reaper.call('reap', 'a')
    const pid = await reaper.call('worker', 'exit 7')
    if (when === 'before') await reaper.call('reap', 'a')
    await reaper.inState(pid, 'Z')
    // The reaper has left the zombie to the worker by then. No SIGCHLD comes when the main thread inherits the zombie.
    await reaper.anotherReaped('a')
    await reaper.call('terminate', pid)
    await reaper.inState(pid, null)
    // On Node.js 26, libuv may reap the zombie in the last turn of the worker. Then procnative does not report it.
    await reaper.anotherReaped('a')
    for (const told of reaper.all({ pid })) assert.equal(told.exitCode, 7)
  })
}

// ── Left alone ──

test('reapOrphans(): leaves a zombie of spawn() to its waiter', { contract: 'W6', ...NODE }, async (t) => {
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

test('reapOrphans(): leaves a child of child_process to a late runtime', {
  contract: 'W6',
  ...needs('Node.js, strace', isNode && hasProgram('strace')),
}, async (t) => {
  // strace makes one wait4(2) of libuv report that the child still runs.
  const deceive = ['strace', '-qq', '-o', '/dev/null', '-e', 'trace=wait4', '-e', 'inject=wait4:retval=0:when=1']
  const reaper = await Reaper.start(t, deceive)
  await reaper.call('reap', 'a')
  const pid = await reaper.call('child', 'exit 5')
  await reaper.inState(pid, 'Z')
  // Five times the time that the reaper leaves to another waiter.
  await reaper.call('pass', 100)
  assert.equal(await reaper.call('state', pid), 'Z')
  await reaper.anotherReaped('a')
  await reaper.told({ ended: pid, code: 5 })
  assert.deepEqual(reaper.all({ heard: 'a', pid }), [])
})

test('reapOrphans(): leaves a zombie to an unknown waiter for 20 ms', { contract: 'W6', ...NODE }, async (t) => {
  const reaper = await Reaper.start(t)
  await reaper.call('reap', 'a')
  const pid = await reaper.call('orphan', 'exec sleep 1000')
  await reaper.call('takeAtEnd', pid)
  await reaper.call('kill', pid, 'SIGKILL')
  await reaper.told({ taken: pid, signal: 'SIGKILL' })
  await reaper.anotherReaped('a')
  assert.deepEqual(reaper.all({ heard: 'a', pid }), [])
})

test('reapOrphans(): leaves a zombie of a worker thread to that thread', { contract: 'W6', ...NODE }, async (t) => {
  const reaper = await Reaper.start(t)
  await reaper.call('reap', 'a')
  const pid = await reaper.call('worker', 'exit 7')
  await reaper.inState(pid, 'Z')
  await reaper.anotherReaped('a')
  assert.equal(await reaper.call('state', pid), 'Z')
})

test('protect(): leaves the process to waitpid()', { contract: 'W6', ...NODE }, async (t) => {
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

test('protect(): works before reapOrphans()', { contract: 'W6', ...NODE }, async (t) => {
  const reaper = await Reaper.start(t)
  const pid = await zombie(reaper, 'exit 7')
  await reaper.call('protect', pid)
  await reaper.call('reap', 'a')
  await reaper.anotherReaped('a')
  assert.equal(await reaper.call('state', pid), 'Z')
})

test('protect(): works for a process that the caller may not signal', {
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

test('reapOrphans(): reaps an observed orphan, wait() resolves, too', { contract: 'W3 W6', ...NODE }, async (t) => {
  const reaper = await Reaper.start(t)
  await reaper.call('reap', 'a')
  const pid = await reaper.call('orphan', 'kill -STOP $$; exit 7')
  await reaper.inState(pid, 'T')
  const observed = reaper.call('wait', pid, { observe: true })
  await reaper.call('kill', pid, 'SIGCONT')
  assert.equal((await observed).exitCode, 7)
  await reaper.told({ heard: 'a', pid, exitCode: 7 })
})

// ── Reused pids ──

const HISTORIES = {
  'a child of child_process': async (reaper) => {
    const pid = await reaper.call('child', 'exit 1')
    await reaper.told({ ended: pid })
    return pid
  },
  'an awaited child': async (reaper) => {
    const pid = await reaper.call('spawn', 'exit 1')
    await reaper.call('waitForSpawned', pid)
    return pid
  },
  'a child that waitpid() took': async (reaper) => {
    const pid = await reaper.call('spawn', 'exit 1')
    await reaper.call('waitpid', pid)
    return pid
  },
  'a protected process': async (reaper) => {
    const pid = await reaper.call('orphan', 'kill -STOP $$; exit 1')
    await reaper.call('protect', pid)
    await reaper.inState(pid, 'T')
    await reaper.call('kill', pid, 'SIGCONT')
    await reaper.inState(pid, 'Z')
    // The reaper has left the zombie alone by then. It must look again at the next process with that pid.
    await reaper.anotherReaped('a')
    await reaper.call('waitpid', pid)
    return pid
  },
  'an orphan that wait() took': async (reaper) => {
    const pid = await reaper.call('orphan', 'exec sleep 1000')
    const taken = reaper.call('wait', pid)
    await reaper.call('kill', pid, 'SIGKILL')
    assert.equal((await taken).signal, 'SIGKILL')
    return pid
  },
}

for (const [history, make] of Object.entries(HISTORIES)) {
  test(`reapOrphans(): reaps a reused pid of ${history}`, { contract: 'W6', ...NAMESPACE }, async (t) => {
    const reaper = await Reaper.start(t, AS_INIT)
    await reaper.call('reap', 'a')
    const pid = await make(reaper)
    await reaper.inState(pid, null)
    assert.equal(await reaper.call('orphanNumbered', pid, 'exit 9'), pid)
    await reaper.told({ heard: 'a', pid, exitCode: 9 })
  })
}

// ── Listeners and stop() ──

test('stop(): orphans stay zombies until the next reapOrphans()', { contract: 'W6', ...NODE }, async (t) => {
  const reaper = await Reaper.start(t)
  const handlers = await reaper.call('signalHandlers')
  await reaper.call('reap', 'a')
  await reaper.anotherReaped('a')
  await reaper.call('stop', 'a')
  await reaper.call('stop', 'a')
  assert.equal(await reaper.call('signalHandlers'), handlers)

  const pid = await zombie(reaper, 'exit 7')
  // When the end of this child is reported, the event loop has turned, and the time that a reaper waits is over.
  const child = await reaper.call('child', 'sleep 0.1')
  await reaper.told({ ended: child })
  assert.equal(await reaper.call('state', pid), 'Z')
  await reaper.call('reap', 'b')
  await reaper.told({ heard: 'b', pid, exitCode: 7 })
  assert.deepEqual(reaper.all({ heard: 'a', pid }), [])
})

test('stop(): the listener receives no earlier zombie', { contract: 'W6', ...NODE }, async (t) => {
  const reaper = await Reaper.start(t)
  const pid = await zombie(reaper, 'exit 7')
  await reaper.call('reapAndStop', 'a')
  const child = await reaper.call('child', 'sleep 0.1')
  await reaper.told({ ended: child })
  assert.equal(await reaper.call('state', pid), 'Z')
  assert.deepEqual(reaper.all({ heard: 'a' }), [])
})

test('stop(): ends one listener, another still receives each orphan', { contract: 'W6', ...NODE }, async (t) => {
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

test('reapOrphans(): errors of a listener are uncaught, the reaping goes on', {
  contract: 'W6',
  ...NODE,
}, async (t) => {
  const reaper = await Reaper.start(t)
  await reaper.call('reap', 'a', 'thrown by a')
  await reaper.call('reap', 'b')
  // Three orphans at once, because an error for one orphan must not stop the reports of the others.
  const pids = []
  for (const code of [1, 2, 3]) pids.push(await reaper.call('orphan', `exit ${code}`))
  for (const [index, pid] of pids.entries()) {
    for (const heard of ['a', 'b']) await reaper.told({ heard, pid, exitCode: index + 1 })
  }
  await until(() => reaper.all({ uncaught: 'thrown by a' }).length === 3, 'three errors are told')
  await reaper.anotherReaped('b')
})

test('reapOrphans(): does not keep the event loop alive', { contract: 'W6', ...NODE }, async (t) => {
  const script = `
    const { spawnSync } = require('node:child_process')
    const { reapOrphans, setChildSubreaper } = require(${JSON.stringify(library)})
    setChildSubreaper(true)
    reapOrphans(() => {})
    const orphans = 'sleep 1000 </dev/null >/dev/null 2>&1 & echo $!; sh -c "exit 1" &'
    console.log(Number(spawnSync('sh', ['-c', orphans]).stdout))`
  const { code, stdout, stderr } = await run(process.execPath, ['-e', script]).ended
  const [pid] = reports(stdout)
  t.after(() => end(pid))
  assert.equal(code, 0, stderr)
  // The orphan still runs.
  process.kill(pid, 0)
})

test('reapOrphans(): works without free descriptors', { contract: 'W6 E3', ...NODE }, async (t) => {
  const reaper = await Reaper.start(t, limitedTo(64))
  await reaper.call('reap', 'a')
  const pid = await reaper.call('orphan', 'exec sleep 1000')
  await reaper.call('exhaust')
  await reaper.call('kill', pid, 'SIGTERM')
  await reaper.told({ heard: 'a', pid, signal: 'SIGTERM' })
  await reaper.call('relent')
})

test('reapOrphans(): waits for single pids only, and never blocks', {
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
  // The reaper makes orphans by spawnSync(), which waits for its own children by their pids.
  const own = /wait4\([1-9]\d*, /
  assert.deepEqual(
    waits.filter((line) => !harmless.test(line) && !own.test(line)),
    [],
  )
})

// ── Without knowledge of owners ──

test('reapOrphans(), protect(): throw ERR_PROCNATIVE_WORKER_THREAD in a worker thread', {
  contract: 'W6',
  ...NODE,
}, async () => {
  const { stdout, stderr } = await runScript(fixture('process/report-reaping-refusals.mjs'), ['worker'])
  assert.deepEqual(reports(stdout), [Array(2).fill('ERR_PROCNATIVE_WORKER_THREAD')], stderr)
})

test('reapOrphans(): throws ERR_PROCNATIVE_RUNTIME in Bun and Deno', {
  contract: 'W6',
  ...needs('Bun or Deno', !isNode),
}, () => {
  assert.throws(() => reapOrphans(), { code: 'ERR_PROCNATIVE_RUNTIME' })
})

test('reapOrphans(): throws ENOENT if /proc lists no children', { contract: 'W6', ...NAMESPACE }, async () => {
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

// ── Everything at once ──

for (const [where, prefix] of [
  ['as subreaper', []],
  ['as PID 1', AS_INIT],
  ['as PID 1, --kill-child', [...AS_INIT, '--kill-child']],
]) {
  const title = `reapOrphans(): reports each of 660 orphans once, ${where}`
  test(title, { contract: 'W6', ...(prefix.length > 0 ? NAMESPACE : NODE) }, async (t) => {
    const log = path.join(temporary(t), 'log')
    const [program, ...args] = [...prefix, process.execPath, fixture('process/reap-storm.mjs'), log]
    const { code, stdout, stderr } = await run(program, args).ended
    assert.deepEqual([code, stderr], [0, ''])
    assertRight(reports(stdout)[0], log)
  })
}
