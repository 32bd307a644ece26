// Sessions, process groups, subreapers and parent death signals. terminal.spec.mjs has the calls that need a terminal.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { getpgid, getsid, setpgid } from '../../index.js'
import { hasProgram, needs, temporary, test } from '../helpers/harness.mjs'
import { isAlive, stat } from '../helpers/proc.mjs'
import { fixture } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'
import { callers } from './helpers/caller.mjs'

// No process has this pid: the kernel's highest is 2^22.
const NOBODY = 2 ** 31 - 1

const EACCES = { name: 'Error', code: 'EACCES', errno: -13 }
const EPERM = { name: 'Error', code: 'EPERM', errno: -1 }
const ESRCH = { name: 'Error', code: 'ESRCH', errno: -3 }

/** Returns the group, the session and the terminal of a process. */
const place = (pid) => {
  const { pgrp, session, tty } = stat(pid)
  return { pgrp, session, tty }
}

test("system errors: are like Node's, with code, errno, syscall and message", { contract: 'E1' }, () => {
  const error = (() => {
    try {
      return getsid(NOBODY)
    } catch (error) {
      return error
    }
  })()
  assert.ok(error instanceof Error)
  assert.equal(error.name, 'Error')
  assert.deepEqual({ ...error }, { code: 'ESRCH', errno: -3, syscall: 'getsid' })
  assert.equal(error.message, 'ESRCH: no such process, getsid')
  assert.match(error.stack, /^Error: ESRCH: no such process, getsid\n {4}at .*session\.spec\.mjs/s)
})

test('system errors: have the path of the call', {
  contract: 'E1',
  ...needs('strace', hasProgram('strace')),
}, async (context) => {
  const office = await callers(context)
  const prefix = ['strace', '-f', '-P', '/proc/self/stat', '-e', 'inject=openat:error=EMFILE']
  const caller = await office.start('caller', { prefix })
  await assert.rejects(caller.call('controllingTerminal'), {
    name: 'Error',
    message: "EMFILE: too many open files, open '/proc/self/stat'",
    code: 'EMFILE',
    errno: -24,
    syscall: 'open',
    path: '/proc/self/stat',
  })
})

test('setsid(): throws EPERM for the leader of a group', { contract: 'S1' }, async (context) => {
  const office = await callers(context)
  const caller = await office.start('caller')
  await caller.call('setpgid', 0, 0)
  const before = place(caller.pid)
  assert.equal(before.pgrp, caller.pid)
  assert.notEqual(before.session, caller.pid)

  const message = 'EPERM: operation not permitted, setsid'
  await assert.rejects(caller.call('setsid'), { ...EPERM, message, syscall: 'setsid' })
  assert.deepEqual(place(caller.pid), before)
})

test('setsid(): throws EPERM for the leader of a session', { contract: 'S1' }, async (context) => {
  const office = await callers(context)
  const caller = await office.start('caller', { detached: true })
  const before = place(caller.pid)
  assert.deepEqual(before, { pgrp: caller.pid, session: caller.pid, tty: 0 })

  const message = 'EPERM: operation not permitted, setsid'
  await assert.rejects(caller.call('setsid'), { ...EPERM, message, syscall: 'setsid' })
  assert.deepEqual(place(caller.pid), before)
})

test('setsid(): makes the process the leader of a session and group', { contract: 'S1' }, async (context) => {
  const office = await callers(context)
  const caller = await office.start('caller')
  const { pgrp, session } = place(caller.pid)
  assert.ok(pgrp !== caller.pid && session !== caller.pid)

  assert.equal(await caller.call('setsid'), caller.pid)
  assert.deepEqual(place(caller.pid), { pgrp: caller.pid, session: caller.pid, tty: 0 })
})

test('getsid(), getpgid(): return the ids of this or another process', { contract: 'S1' }, async (context) => {
  const office = await callers(context)
  const leader = await office.start('leader', { detached: true })
  const member = await office.startFrom(leader, 'member')
  await member.call('setpgid', 0, 0)

  assert.deepEqual([getsid(), getpgid()], [stat('self').session, stat('self').pgrp])
  assert.deepEqual([getsid(0), getpgid(0)], [stat('self').session, stat('self').pgrp])
  assert.deepEqual([getsid(leader.pid), getpgid(leader.pid)], [leader.pid, leader.pid])
  assert.deepEqual([getsid(member.pid), getpgid(member.pid)], [leader.pid, member.pid])
  assert.deepEqual([await member.call('getsid'), await member.call('getpgid')], [leader.pid, member.pid])
})

for (const [name, call] of Object.entries({ getsid, getpgid })) {
  test(`${name}(): throws ESRCH without a process`, { contract: 'S2' }, () => {
    assert.throws(() => call(NOBODY), { ...ESRCH, message: `ESRCH: no such process, ${name}`, syscall: name })
  })
}

test('setpgid(): makes a group, and joins a group of the session', { contract: 'S2' }, async (context) => {
  const office = await callers(context)
  const first = await office.start('first')
  const second = await office.start('second')
  assert.notEqual(stat(first.pid).pgrp, first.pid)

  await first.call('setpgid', 0, 0)
  assert.equal(stat(first.pid).pgrp, first.pid)
  await second.call('setpgid', 0, first.pid)
  assert.equal(stat(second.pid).pgrp, first.pid)
})

test('setpgid(): throws EACCES for a child after its exec', { contract: 'S2' }, async (context) => {
  const office = await callers(context)
  const caller = await office.start('caller')
  const before = place(caller.pid)
  const message = 'EACCES: permission denied, setpgid'
  assert.throws(() => setpgid(caller.pid, 0), { ...EACCES, message, syscall: 'setpgid' })
  assert.deepEqual(place(caller.pid), before)
})

test('setpgid(): throws EPERM for the leader of a session', { contract: 'S2' }, async (context) => {
  const office = await callers(context)
  const leader = await office.start('leader', { detached: true })
  const message = 'EPERM: operation not permitted, setpgid'
  await assert.rejects(leader.call('setpgid', 0, 0), { ...EPERM, message, syscall: 'setpgid' })
})

test('setpgid(): throws EPERM for a group of another session', { contract: 'S2' }, async (context) => {
  const office = await callers(context)
  const elsewhere = await office.start('elsewhere', { detached: true })
  const caller = await office.start('caller')
  const before = place(caller.pid)
  const message = 'EPERM: operation not permitted, setpgid'
  await assert.rejects(caller.call('setpgid', 0, elsewhere.pid), { ...EPERM, message, syscall: 'setpgid' })
  assert.deepEqual(place(caller.pid), before)
})

test('setpgid(): throws ESRCH for a process that is no child', { contract: 'S2' }, () => {
  const expected = { ...ESRCH, message: 'ESRCH: no such process, setpgid', syscall: 'setpgid' }
  for (const pid of [NOBODY, process.ppid]) assert.throws(() => setpgid(pid, 0), expected)
})

/** Starts a caller, and another caller as its child. */
async function family(office, options) {
  const parent = await office.start('parent', options)
  return { parent, child: await office.startFrom(parent, 'child') }
}

/** Kills the parent, and waits until the kernel has signaled its children. */
async function killed(parent) {
  process.kill(parent.pid, 'SIGKILL')
  assert.equal((await parent.ended).signal, 'SIGKILL')
}

test('setParentDeathSignal(): the process receives it when the parent is killed', {
  contract: 'S3',
}, async (context) => {
  const { parent, child } = await family(await callers(context))
  for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGTERM']) await child.call('catch', signal)
  await child.call('setParentDeathSignal', 'SIGUSR2')
  assert.deepEqual(child.events, [])

  await killed(parent)
  await child.told({ caught: 'SIGUSR2' })
  assert.ok(child.events.every(({ caught }) => caught === 'SIGUSR2'))
})

test('setParentDeathSignal(): the signal kills a process without a handler', { contract: 'S3' }, async (context) => {
  const { parent, child } = await family(await callers(context))
  await child.call('setParentDeathSignal', 'SIGTERM')
  await killed(parent)
  await until(() => !isAlive(child.pid), 'the child has died')
})

test('setParentDeathSignal(null): clears the signal', { contract: 'S3' }, async (context) => {
  const { parent, child } = await family(await callers(context))
  for (const signal of ['SIGUSR1', 'SIGUSR2']) await child.call('catch', signal)
  await child.call('setParentDeathSignal', 'SIGUSR1')
  await child.call('setParentDeathSignal', null)

  await killed(parent)
  // The kernel delivers the lower number first, so the child would have reported SIGUSR1 before SIGUSR2.
  process.kill(child.pid, 'SIGUSR2')
  await child.told({ caught: 'SIGUSR2' })
  assert.deepEqual(child.events, [{ caught: 'SIGUSR2' }])
})

test('setParentDeathSignal(): throws ERR_PROCNATIVE_WORKER_THREAD in a worker thread', { contract: 'S3' }, async () => {
  const worker = new Worker(fixture('process/set-parent-death-signal-worker.mjs'))
  const [[codes]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')])
  assert.deepEqual(codes, ['ERR_PROCNATIVE_WORKER_THREAD', 'ERR_PROCNATIVE_WORKER_THREAD'])
})

// Deno calls getppid(2) at its start, where strace would stop it.
const asksAtStart = 'deno' in process.versions

test('setParentDeathSignal(): comes if the parent dies during the call', {
  contract: 'S3',
  ...needs('strace, and not Deno', hasProgram('strace') && !asksAtStart),
}, async (context) => {
  // strace stops the child after getppid(2), which comes before prctl(2).
  const log = path.join(temporary(context), 'log')
  const hold = ['-e', 'trace=getppid,prctl', '-e', 'inject=getppid:signal=SIGSTOP:when=1']
  const prefix = ['strace', '-f', '-o', log, ...hold]
  const { parent, child } = await family(await callers(context), { prefix })
  await child.call('catch', 'SIGUSR1')

  const asked = child.call('setParentDeathSignal', 'SIGUSR1')
  const line = (what) => new RegExp(`^${child.pid} +${what}`, 'm').test(fs.readFileSync(log, 'utf8'))
  await until(() => line('--- stopped by SIGSTOP'), 'the child is held')
  process.kill(parent.pid, 'SIGKILL')
  await until(() => stat(child.pid).ppid !== parent.pid, 'the child has another parent')
  assert.ok(!line('prctl\\(PR_SET_PDEATHSIG'))
  assert.deepEqual(child.events, [])

  process.kill(child.pid, 'SIGCONT')
  await child.told({ caught: 'SIGUSR1' })
  await asked
  // strace writes the line later than the call.
  await until(() => line('prctl\\(PR_SET_PDEATHSIG, SIGUSR1'), 'prctl(2) was called')
})

test('setChildSubreaper(true): the caller adopts orphans of its descendants', { contract: 'S3' }, async (context) => {
  const office = await callers(context)
  const reaper = await office.start('reaper')
  await reaper.call('setChildSubreaper', true)
  const middle = await office.startFrom(reaper, 'middle')
  const orphan = await office.startFrom(middle, 'orphan')
  assert.equal(stat(orphan.pid).ppid, middle.pid)

  process.kill(middle.pid, 'SIGKILL')
  await reaper.told({ ended: middle.pid })
  assert.equal(stat(orphan.pid).ppid, reaper.pid)
})

test('setChildSubreaper(false): another process adopts the orphans', { contract: 'S3' }, async (context) => {
  const office = await callers(context)
  const reaper = await office.start('reaper')
  await reaper.call('setChildSubreaper', true)
  await reaper.call('setChildSubreaper', false)
  const middle = await office.startFrom(reaper, 'middle')
  const orphan = await office.startFrom(middle, 'orphan')

  process.kill(middle.pid, 'SIGKILL')
  await reaper.told({ ended: middle.pid })
  const { ppid } = stat(orphan.pid)
  assert.ok(ppid !== middle.pid && ppid !== reaper.pid)
})

test('isChildSubreaper(): returns the value of setChildSubreaper(), false at first', {
  contract: 'S3',
}, async (context) => {
  const caller = await (await callers(context)).start('caller')
  const answers = [await caller.call('isChildSubreaper')]
  for (const enabled of [true, false]) {
    await caller.call('setChildSubreaper', enabled)
    answers.push(await caller.call('isChildSubreaper'))
  }
  assert.deepEqual(answers, [false, true, false])
})
