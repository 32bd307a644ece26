// Sessions and process groups on a pseudo-terminal.
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

// Neither a descriptor nor a process has this number.
const NONE = 2 ** 31 - 1

const SIGHUP = os.constants.signals.SIGHUP

/** Starts two children of a session leader on a terminal, in its group. `loner` has called setsid(), `sibling` has not. */
async function siblings(context) {
  const office = await callers(context)
  const tty = await terminal(office)
  const loner = await office.startFrom(tty.leader, 'loner')
  const sibling = await office.startFrom(tty.leader, 'sibling')
  assert.equal(stat(loner.pid).pgrp, tty.leader.pid)
  assert.equal(await loner.call('setsid'), loner.pid)
  return { ...tty, loner, sibling }
}

/** Starts a child of a session leader on a terminal. The child leads a background group. */
async function background(context) {
  const office = await callers(context)
  const tty = await terminal(office)
  const job = await office.startFrom(tty.leader, 'job')
  await job.call('setpgid', 0, 0)
  const fd = await job.call('open', '/dev/tty')
  assert.equal(await job.call('tcgetpgrp', fd), tty.leader.pid)
  return { ...tty, job, fd }
}

test('setsid(): controllingTerminal() is null afterwards', { contract: 'S1' }, async (context) => {
  const { name, leader, loner, sibling } = await siblings(context)
  assert.match(name, /^\/dev\/pts\/\d+$/)
  assert.deepEqual(await Promise.all([leader, sibling, loner].map((caller) => caller.call('controllingTerminal'))), [
    name,
    name,
    null,
  ])
  assert.deepEqual([stat(loner.pid).session, stat(loner.pid).pgrp, stat(loner.pid).tty], [loner.pid, loner.pid, 0])
})

test('setsid(): open(2) of /dev/tty fails with ENXIO afterwards', { contract: 'S1' }, async (context) => {
  const { loner, sibling } = await siblings(context)
  assert.equal(typeof (await sibling.call('open', '/dev/tty')), 'number')
  await assert.rejects(loner.call('open', '/dev/tty'), { code: 'ENXIO' })
})

test('setsid(): keeps the controlling terminal after EPERM', { contract: 'S1' }, async (context) => {
  const { name, leader, job } = await background(context)
  for (const caller of [leader, job]) {
    const before = stat(caller.pid)
    await assert.rejects(caller.call('setsid'), { code: 'EPERM' })
    const { pgrp, session, tty } = stat(caller.pid)
    assert.deepEqual({ pgrp, session, tty }, { pgrp: before.pgrp, session: before.session, tty: before.tty })
    assert.equal(await caller.call('controllingTerminal'), name)
  }
})

test('setsid(): Ctrl-C at the old terminal does not reach the process', { contract: 'S1' }, async (context) => {
  const { leader, loner, sibling, type } = await siblings(context)
  await leader.call('catch', 'SIGINT')
  type('\x03')
  await leader.told({ ended: sibling.pid, signal: 'SIGINT' })
  // The kernel signals a whole group at once, so a signaled process would not answer.
  assert.equal(await loner.call('getsid'), loner.pid)
})

test('setsid(): a hangup of the old terminal does not reach the process', { contract: 'S1' }, async (context) => {
  const { leader, loner, sibling, keeper, hangUp, endOf } = await siblings(context)
  hangUp()
  assert.equal((await endOf(leader.pid)).signal, SIGHUP)
  assert.equal((await endOf(sibling.pid)).signal, SIGHUP)
  assert.equal(await loner.call('getsid'), loner.pid)
  assert.equal(stat(loner.pid).ppid, keeper)
})

test('setsid(): the old leader’s end does not reach the process', { contract: 'S1' }, async (context) => {
  const { leader, loner, sibling, keeper, endOf } = await siblings(context)
  process.kill(leader.pid, 'SIGKILL')
  assert.equal((await endOf(leader.pid)).signal, os.constants.signals.SIGKILL)
  assert.equal((await endOf(sibling.pid)).signal, SIGHUP)
  assert.equal(await loner.call('getsid'), loner.pid)
  assert.equal(stat(loner.pid).ppid, keeper)
})

test("controllingTerminal(): finds the terminal with any program's name", { contract: 'S1' }, async (context) => {
  const { name, leader } = await terminal(await callers(context))
  await leader.call('rename', ') R 1 1 1 9 9')
  assert.equal(await leader.call('controllingTerminal'), name)
})

test("controllingTerminal(): finds the terminal if the program's name is not UTF-8", {
  contract: 'S1',
}, async (context) => {
  const { name, leader } = await terminal(await callers(context))
  // The kernel keeps 15 bytes of the name. The last byte is half of a letter.
  await leader.call('rename', 'é'.repeat(20))
  assert.equal(await leader.call('controllingTerminal'), name)
})

test("controllingTerminal(): returns '/dev/tty' if the terminal has no name", {
  contract: 'S1',
  ...needs('root and unshare', isRoot && hasProgram('unshare')),
}, async (context) => {
  const prefix = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /dev/pts && exec "$@"', 'sh']
  const { leader } = await terminal(await callers(context), { prefix })
  assert.equal(await leader.call('controllingTerminal'), '/dev/tty')
  assert.equal(await leader.call('tcgetsid', await leader.call('open', '/dev/tty')), leader.pid)
})

test('tcsetpgrp(3): SIGTTOU stops a Python program in the background', { contract: 'S2' }, async (context) => {
  const { leader } = await terminal(await callers(context))
  const pid = await leader.call('start', 'python3', [fixture('process/take-foreground.py')])
  const { code } = await leader.told({ ended: pid })
  assert.equal(code, os.constants.signals.SIGTTOU)
})

test('tcsetpgrp(): works in the background without a stop', { contract: 'S2' }, async (context) => {
  const { leader, job, fd, type } = await background(context)
  await job.call('tcsetpgrp', fd, job.pid)
  assert.equal(await job.call('tcgetpgrp', fd), job.pid)

  for (const caller of [leader, job]) await caller.call('catch', 'SIGINT')
  type('\x03')
  await job.told({ caught: 'SIGINT' })
  await leader.call('getsid')
  assert.deepEqual(leader.events, [])
})

test('tcsetpgrp(): does not call a handler of SIGTTOU in the background', { contract: 'S2' }, async (context) => {
  const { job, fd } = await background(context)
  for (const signal of ['SIGTTOU', 'SIGWINCH']) await job.call('catch', signal)
  await job.call('tcsetpgrp', fd, job.pid)
  assert.equal(await job.call('tcgetpgrp', fd), job.pid)

  // SIGTTOU has the lower number, so its handler would run before the handler of SIGWINCH.
  process.kill(job.pid, 'SIGWINCH')
  await job.told({ caught: 'SIGWINCH' })
  assert.deepEqual(job.events, [{ caught: 'SIGWINCH' }])
})

test('tcsetpgrp(): keeps the signal mask', { contract: 'S2' }, async (context) => {
  const { job, fd } = await background(context)
  const before = status(job.pid, 'SigBlk')
  await job.call('tcsetpgrp', fd, job.pid)
  assert.equal(status(job.pid, 'SigBlk'), before)
  await assert.rejects(job.call('tcsetpgrp', fd, NONE))
  assert.equal(status(job.pid, 'SigBlk'), before)
})

test('tcsetpgrp(): works in an orphaned process group', { contract: 'S2' }, async (context) => {
  const { leader, job, fd } = await background(context)
  await job.call('tcsetpgrp', fd, job.pid)
  const own = await leader.call('open', '/dev/tty')
  await leader.call('tcsetpgrp', own, leader.pid)
  assert.equal(await leader.call('tcgetpgrp', own), leader.pid)
})

test('tcgetsid(): returns the session of the terminal', { contract: 'S2' }, async (context) => {
  const { leader, job, fd } = await background(context)
  assert.equal(await job.call('tcgetsid', fd), leader.pid)
})

test('tcsetpgrp(): throws EPERM for a group of another session', { contract: 'S2' }, async (context) => {
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

test('tcsetpgrp(): throws ESRCH for a missing group', { contract: 'S2' }, async (context) => {
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

  test(`${name}(): throws ENOTTY for a pipe`, { contract: 'S2' }, (context) => {
    const pipe = path.join(temporary(context), 'pipe')
    execFileSync('mkfifo', [pipe])
    const fd = fs.openSync(pipe, 'r+')
    try {
      assert.throws(() => call(fd), notTerminal)
    } finally {
      fs.closeSync(fd)
    }
  })

  test(`${name}(): throws ENOTTY for a terminal of another session`, { contract: 'S2' }, async (context) => {
    const tty = await terminal(await callers(context))
    const fd = fs.openSync(tty.name, fs.constants.O_RDWR | fs.constants.O_NOCTTY)
    try {
      assert.throws(() => call(fd), notTerminal)
    } finally {
      fs.closeSync(fd)
    }
  })

  test(`${name}(): throws EBADF without a descriptor`, { contract: 'S2' }, () => {
    assert.throws(() => call(NONE), {
      name: 'Error',
      message: `EBADF: bad file descriptor, ${name}`,
      code: 'EBADF',
      errno: -9,
      syscall: name,
    })
  })
}
