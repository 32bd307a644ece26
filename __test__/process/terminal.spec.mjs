// Sessions and process groups on a real terminal, which Python's pty makes.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { tcgetpgrp, tcgetsid, tcsetpgrp } from '../../index.js'
import { hasProgram, isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { stat, status } from '../helpers/proc.mjs'
import { fixture } from '../helpers/run.mjs'
import { callers, terminal } from './helpers/caller.mjs'

// Neither a descriptor nor a process that there can be.
const NONE = 2 ** 31 - 1

const SIGHUP = os.constants.signals.SIGHUP

/** On a terminal, next to its session's leader and in the same group: a child that called setsid(), and one that didn't. */
async function siblings(context) {
  const office = await callers(context)
  const tty = await terminal(office)
  const loner = await office.startFrom(tty.leader, 'loner')
  const sibling = await office.startFrom(tty.leader, 'sibling')
  assert.equal(stat(loner.pid).pgrp, tty.leader.pid)
  assert.equal(await loner.call('setsid'), loner.pid)
  return { ...tty, loner, sibling }
}

/** On a terminal, a child of its session's leader that is in a group of its own, in the background. */
async function background(context) {
  const office = await callers(context)
  const tty = await terminal(office)
  const job = await office.startFrom(tty.leader, 'job')
  await job.call('setpgid', 0, 0)
  const fd = await job.call('open', '/dev/tty')
  assert.equal(await job.call('tcgetpgrp', fd), tty.leader.pid)
  return { ...tty, job, fd }
}

test('after setsid() there is no controlling terminal: controllingTerminal() is null', {
  contract: 'S1',
}, async (context) => {
  const { name, leader, loner, sibling } = await siblings(context)
  assert.match(name, /^\/dev\/pts\/\d+$/)
  assert.deepEqual(await Promise.all([leader, sibling, loner].map((caller) => caller.call('controllingTerminal'))), [
    name,
    name,
    null,
  ])
  assert.deepEqual([stat(loner.pid).session, stat(loner.pid).pgrp, stat(loner.pid).tty], [loner.pid, loner.pid, 0])
})

test('after setsid(), /dev/tty gives ENXIO', { contract: 'S1' }, async (context) => {
  const { loner, sibling } = await siblings(context)
  assert.equal(typeof (await sibling.call('open', '/dev/tty')), 'number')
  await assert.rejects(loner.call('open', '/dev/tty'), { code: 'ENXIO' })
})

test('where setsid() throws EPERM, the controlling terminal stays', { contract: 'S1' }, async (context) => {
  const { name, leader, job } = await background(context)
  for (const caller of [leader, job]) {
    const before = stat(caller.pid)
    await assert.rejects(caller.call('setsid'), { code: 'EPERM' })
    const { pgrp, session, tty } = stat(caller.pid)
    assert.deepEqual({ pgrp, session, tty }, { pgrp: before.pgrp, session: before.session, tty: before.tty })
    assert.equal(await caller.call('controllingTerminal'), name)
  }
})

test('Ctrl-C in the old terminal does not reach it; a sibling without setsid() dies of it', {
  contract: 'S1',
}, async (context) => {
  const { leader, loner, sibling, type } = await siblings(context)
  await leader.call('catch', 'SIGINT')
  type('\x03')
  await leader.told({ ended: sibling.pid, signal: 'SIGINT' })
  // The kernel signals a whole group at once: what had to die would not answer any more.
  assert.equal(await loner.call('getsid'), loner.pid)
})

test('the end of the old terminal does not reach it; a sibling without setsid() dies of it', {
  contract: 'S1',
}, async (context) => {
  const { leader, loner, sibling, keeper, hangUp, endOf } = await siblings(context)
  hangUp()
  assert.equal((await endOf(leader.pid)).signal, SIGHUP)
  assert.equal((await endOf(sibling.pid)).signal, SIGHUP)
  assert.equal(await loner.call('getsid'), loner.pid)
  assert.equal(stat(loner.pid).ppid, keeper)
})

test("the end of the parent, the session's leader, does not reach it; a sibling dies of it", {
  contract: 'S1',
}, async (context) => {
  const { leader, loner, sibling, keeper, endOf } = await siblings(context)
  process.kill(leader.pid, 'SIGKILL')
  assert.equal((await endOf(leader.pid)).signal, os.constants.signals.SIGKILL)
  assert.equal((await endOf(sibling.pid)).signal, SIGHUP)
  assert.equal(await loner.call('getsid'), loner.pid)
  assert.equal(stat(loner.pid).ppid, keeper)
})

test("controllingTerminal() finds the terminal behind any program's name", { contract: 'S1' }, async (context) => {
  const { name, leader } = await terminal(await callers(context))
  await leader.call('rename', ') R 1 1 1 9 9')
  assert.equal(await leader.call('controllingTerminal'), name)
})

test("controllingTerminal() finds the terminal where the program's name is no UTF-8", {
  contract: 'S1',
}, async (context) => {
  const { name, leader } = await terminal(await callers(context))
  // The kernel keeps 15 bytes of it: the last one is the first half of a letter.
  await leader.call('rename', 'é'.repeat(20))
  assert.equal(await leader.call('controllingTerminal'), name)
})

test("controllingTerminal() is '/dev/tty', which opens it, where the terminal has no name", {
  contract: 'S1',
  ...needs('root and unshare', isRoot && hasProgram('unshare')),
}, async (context) => {
  const prefix = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /dev/pts && exec "$@"', 'sh']
  const { leader } = await terminal(await callers(context), { prefix })
  assert.equal(await leader.call('controllingTerminal'), '/dev/tty')
  assert.equal(await leader.call('tcgetsid', await leader.call('open', '/dev/tty')), leader.pid)
})

test('tcsetpgrp() by Python, from the background, stops the process by SIGTTOU', {
  contract: 'S2',
}, async (context) => {
  const { leader } = await terminal(await callers(context))
  const pid = await leader.call('start', 'python3', [fixture('process/take-foreground.py')])
  const { code } = await leader.told({ ended: pid })
  assert.equal(code, os.constants.signals.SIGTTOU)
})

test('tcsetpgrp() from the background succeeds and does not stop the process', { contract: 'S2' }, async (context) => {
  const { leader, job, fd, type } = await background(context)
  await job.call('tcsetpgrp', fd, job.pid)
  assert.equal(await job.call('tcgetpgrp', fd), job.pid)

  for (const caller of [leader, job]) await caller.call('catch', 'SIGINT')
  type('\x03')
  await job.told({ caught: 'SIGINT' })
  await leader.call('getsid')
  assert.deepEqual(leader.events, [])
})

test('tcsetpgrp() from the background does not spin where SIGTTOU has a handler, nor call it', {
  contract: 'S2',
}, async (context) => {
  const { job, fd } = await background(context)
  for (const signal of ['SIGTTOU', 'SIGWINCH']) await job.call('catch', signal)
  await job.call('tcsetpgrp', fd, job.pid)
  assert.equal(await job.call('tcgetpgrp', fd), job.pid)

  // A signal that is handled after one that was sent before: SIGTTOU has the lower number.
  process.kill(job.pid, 'SIGWINCH')
  await job.told({ caught: 'SIGWINCH' })
  assert.deepEqual(job.events, [{ caught: 'SIGWINCH' }])
})

test('tcsetpgrp() leaves the signal mask as it was', { contract: 'S2' }, async (context) => {
  const { job, fd } = await background(context)
  const before = status(job.pid, 'SigBlk')
  await job.call('tcsetpgrp', fd, job.pid)
  assert.equal(status(job.pid, 'SigBlk'), before)
  await assert.rejects(job.call('tcsetpgrp', fd, NONE))
  assert.equal(status(job.pid, 'SigBlk'), before)
})

test('tcsetpgrp() works in a group whose members have no parent in the session', {
  contract: 'S2',
}, async (context) => {
  const { leader, job, fd } = await background(context)
  await job.call('tcsetpgrp', fd, job.pid)
  const own = await leader.call('open', '/dev/tty')
  await leader.call('tcsetpgrp', own, leader.pid)
  assert.equal(await leader.call('tcgetpgrp', own), leader.pid)
})

test('tcgetsid() tells the session of the terminal', { contract: 'S2' }, async (context) => {
  const { leader, job, fd } = await background(context)
  assert.equal(await job.call('tcgetsid', fd), leader.pid)
})

test('tcsetpgrp() with a group of another session is EPERM', { contract: 'S2' }, async (context) => {
  const { leader, job, fd } = await background(context)
  const elsewhere = await (await callers(context)).start('elsewhere', { detached: true })
  await assert.rejects(job.call('tcsetpgrp', fd, elsewhere.pid), {
    name: 'Error',
    message: 'EPERM: operation not permitted, tcsetpgrp',
    code: 'EPERM',
    errno: -1,
    syscall: 'tcsetpgrp',
  })
  assert.equal(await job.call('tcgetpgrp', fd), leader.pid)
})

test('tcsetpgrp() with a group that there is none of is ESRCH', { contract: 'S2' }, async (context) => {
  const { leader, job, fd } = await background(context)
  await assert.rejects(job.call('tcsetpgrp', fd, NONE), {
    name: 'Error',
    message: 'ESRCH: no such process, tcsetpgrp',
    code: 'ESRCH',
    errno: -3,
    syscall: 'tcsetpgrp',
  })
  assert.equal(await job.call('tcgetpgrp', fd), leader.pid)
})

for (const [name, call] of Object.entries({
  tcgetpgrp,
  tcsetpgrp: (fd) => tcsetpgrp(fd, process.pid),
  tcgetsid,
})) {
  const notTerminal = {
    name: 'Error',
    message: `ENOTTY: inappropriate ioctl for device, ${name}`,
    code: 'ENOTTY',
    errno: -25,
    syscall: name,
  }

  test(`${name}() of a pipe is ENOTTY`, { contract: 'S2' }, (context) => {
    const pipe = path.join(temporary(context), 'pipe')
    execFileSync('mkfifo', [pipe])
    const fd = fs.openSync(pipe, 'r+')
    try {
      assert.throws(() => call(fd), notTerminal)
    } finally {
      fs.closeSync(fd)
    }
  })

  test(`${name}() of a terminal which is not the controlling one is ENOTTY`, { contract: 'S2' }, async (context) => {
    const tty = await terminal(await callers(context))
    const fd = fs.openSync(tty.name, fs.constants.O_RDWR | fs.constants.O_NOCTTY)
    try {
      assert.throws(() => call(fd), notTerminal)
    } finally {
      fs.closeSync(fd)
    }
  })

  test(`${name}() of no descriptor is EBADF`, { contract: 'S2' }, () => {
    assert.throws(() => call(NONE), {
      name: 'Error',
      message: `EBADF: bad file descriptor, ${name}`,
      code: 'EBADF',
      errno: -9,
      syscall: name,
    })
  })
}
