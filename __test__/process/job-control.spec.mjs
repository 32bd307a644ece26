// Job control by spawn(): groups, the foreground and typed keys on a pseudo-terminal, and `controllingTerminal`.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { controllingTerminal } from '../../index.js'
import { continued, exited, killed, started, stopped, told } from '../helpers/children.mjs'
import { end } from '../helpers/daemon.mjs'
import { temporary, test } from '../helpers/harness.mjs'
import { stat } from '../helpers/proc.mjs'
import { pty } from '../helpers/pty.mjs'
import { repetitions } from '../helpers/repetitions.mjs'
import { fixture } from '../helpers/run.mjs'
import { callers, terminal } from './helpers/caller.mjs'
import { facts, refusal } from './helpers/refusals.mjs'

const [CTRL_C, CTRL_D, CTRL_Z] = ['\x03', '\x04', '\x1a']

/** Starts a shell that leads the session of a terminal. Its descriptor of the terminal is `fd`. */
async function shellOnTerminal(context) {
  const office = await callers(context)
  const shellCommand = (name) =>
    office
      .command(name)
      .map((one) => (one === fixture('process/make-calls.mjs') ? fixture('process/job-shell.mjs') : one))
  const { leader: shell, ...tty } = await terminal({ ...office, command: shellCommand })
  const fd = await shell.call('open', '/dev/tty')

  async function startCaller(command, name, options) {
    const [file, ...args] = command(name)
    const pid = await shell.call('job', file, args, options)
    const caller = await office.named(name)
    assert.equal(caller.pid, pid)
    return caller
  }
  return {
    ...tty,
    shell,
    fd,
    foreground: { processGroup: 0, foreground: fd },
    /** Starts a program as a job of the shell `by`; returns its pid. */
    async start(by, file, args, options) {
      const pid = await by.call('job', file, args, options)
      context.after(() => end(pid))
      return pid
    },
    /** Start a caller as a job, and another shell. */
    job: (name, options) => startCaller(office.command, name, options),
    innerShell: (name, options) => startCaller(shellCommand, name, options),
  }
}

const waitpid = async (by, ...args) => told(await by.call('waitpid', ...args))

/** Checks that a caller has reported no event. It would report an event before its second answer. */
async function hasHeardNothing(caller) {
  await caller.call('getsid')
  await caller.call('getsid')
  assert.deepEqual(caller.events, [])
}

// ── Jobs of a shell ──

test('spawn() foreground: the new group has the terminal before the exec', { contract: 'P3' }, async (t) => {
  const { shell, start, foreground } = await shellOnTerminal(t)
  const script = 'import os; os._exit(0 if os.tcgetpgrp(0) == os.getpgrp() == os.getpid() != os.getsid(0) else 1)'
  for (let round = 0; round < repetitions(20); round++) {
    const pid = await start(shell, 'python3', ['-Sc', script], foreground)
    assert.deepEqual(await waitpid(shell, pid), exited(pid, 0))
  }
})

test('spawn() foreground: Ctrl-C kills the child, not the caller', { contract: 'P3' }, async (t) => {
  const { shell, fd, start, foreground, type } = await shellOnTerminal(t)
  await shell.call('catch', 'SIGINT')
  const pid = await start(shell, 'sleep', ['1000'], foreground)
  type(CTRL_C)
  assert.deepEqual(await waitpid(shell, pid), killed(pid, 'SIGINT'))
  await hasHeardNothing(shell)

  // Ctrl-C reaches the shell again when the shell is in the foreground.
  await shell.call('tcsetpgrp', fd, shell.pid)
  type(CTRL_C)
  await shell.told({ caught: 'SIGINT' })
})

test('spawn() foreground: Ctrl-Z stops the child, SIGCONT continues it', { contract: 'P3' }, async (t) => {
  const { shell, fd, job, foreground, type } = await shellOnTerminal(t)
  for (const signal of ['SIGINT', 'SIGTSTP', 'SIGTTOU', 'SIGTTIN']) await shell.call('catch', signal)
  const child = await job('job', foreground)
  await child.call('catch', 'SIGINT')

  type(CTRL_Z)
  assert.deepEqual(await waitpid(shell, child.pid, { untraced: true }), stopped(child.pid, 'SIGTSTP'))
  assert.equal(stat(child.pid).state, 'T')
  assert.equal(await shell.call('tcgetpgrp', fd), child.pid)
  await hasHeardNothing(shell)

  await shell.call('tcsetpgrp', fd, shell.pid)
  type(CTRL_C)
  await shell.told({ caught: 'SIGINT' })
  shell.events.length = 0

  await shell.call('tcsetpgrp', fd, child.pid)
  await shell.call('signal', -child.pid, 'SIGCONT')
  assert.deepEqual(await waitpid(shell, child.pid, { continued: true }), continued(child.pid))
  // The Ctrl-C at the shell has not reached the child.
  await hasHeardNothing(child)

  type(CTRL_C)
  await child.told({ caught: 'SIGINT' })
  await hasHeardNothing(shell)
})

test('spawn() processGroup: Ctrl-C kills all children of the foreground group', { contract: 'P3' }, async (t) => {
  const { shell, start, foreground, type } = await shellOnTerminal(t)
  await shell.call('catch', 'SIGINT')
  const first = await start(shell, 'sleep', ['1000'], foreground)
  const second = await start(shell, 'sleep', ['1000'], { processGroup: first })
  assert.equal(stat(second).pgrp, first)
  type(CTRL_C)
  for (const pid of [first, second]) assert.deepEqual(await waitpid(shell, pid), killed(pid, 'SIGINT'))
  await hasHeardNothing(shell)
})

test('spawn() processGroup: without `foreground`, Ctrl-C reaches only the caller', { contract: 'P3' }, async (t) => {
  const { shell, fd, job, type } = await shellOnTerminal(t)
  const child = await job('job', { processGroup: 0 })
  for (const one of [shell, child]) await one.call('catch', 'SIGINT')
  assert.equal(await shell.call('tcgetpgrp', fd), shell.pid)
  type(CTRL_C)
  await shell.told({ caught: 'SIGINT' })
  await hasHeardNothing(child)
})

test('spawn() processGroup: SIGTTIN stops a background child that reads', { contract: 'P3' }, async (t) => {
  const { shell, fd, start, type } = await shellOnTerminal(t)
  const file = path.join(temporary(t), 'read')
  fs.writeFileSync(file, '')
  const stdio = ['inherit', await shell.call('open', file), 'inherit']
  const pid = await start(shell, 'cat', [], { processGroup: 0, stdio })
  assert.deepEqual(await waitpid(shell, pid, { untraced: true }), stopped(pid, 'SIGTTIN'))

  await shell.call('tcsetpgrp', fd, pid)
  await shell.call('signal', -pid, 'SIGCONT')
  type(`hello${CTRL_D}${CTRL_D}`)
  assert.deepEqual(await waitpid(shell, pid), exited(pid, 0))
  assert.equal(fs.readFileSync(file, 'utf8'), 'hello')
})

test('spawn() foreground: works in the background, SIGTTOU stops no process', { contract: 'P3' }, async (t) => {
  const { shell, fd, start, innerShell } = await shellOnTerminal(t)
  // The group is not orphaned, so SIGTTOU would stop its members.
  const inner = await innerShell('inner', { processGroup: 0 })
  assert.equal(await shell.call('tcgetpgrp', fd), shell.pid)
  const own = await inner.call('open', '/dev/tty')
  await inner.call('catch', 'SIGTTOU')
  const pid = await start(inner, 'sleep', ['1000'], { processGroup: 0, foreground: own })
  assert.equal(await inner.call('tcgetpgrp', own), pid)
  assert.notEqual(stat(pid).state, 'T')
  await hasHeardNothing(inner)
  assert.equal(await shell.call('waitpid', inner.pid, { nohang: true, untraced: true }), null)
})

test('spawn() foreground: alone, puts the caller’s group in the foreground', { contract: 'P3' }, async (t) => {
  const { shell, fd, start, innerShell } = await shellOnTerminal(t)
  const inner = await innerShell('inner', { processGroup: 0 })
  const own = await inner.call('open', '/dev/tty')
  const pid = await start(inner, 'sleep', ['1000'], { foreground: own })
  assert.equal(stat(pid).pgrp, inner.pid)
  assert.equal(await shell.call('tcgetpgrp', fd), inner.pid)
})

for (const [what, file, options] of [
  ['missing program', '/no such', {}],
  ['missing directory', 'true', { cwd: '/no such' }],
]) {
  test(`spawn() foreground: stays the same after a failed start, ${what}`, { contract: 'P2 E3' }, async (t) => {
    const { shell, fd, foreground, type } = await shellOnTerminal(t)
    await shell.call('catch', 'SIGINT')
    await assert.rejects(shell.call('job', file, [], { ...foreground, ...options }), { code: 'ENOENT' })
    assert.equal(await shell.call('tcgetpgrp', fd), shell.pid)
    type(CTRL_C)
    await shell.told({ caught: 'SIGINT' })
  })
}

// ── Controlling terminals ──

/** Starts a caller as a child of this process. */
async function child(context, options) {
  const office = await callers(context)
  const [file, ...args] = office.command('child')
  started(context, file, args, options)
  return office.named('child')
}

for (const [what, options] of [
  ['with `session`', { session: true }],
  ['by itself', {}],
]) {
  test(`spawn() controllingTerminal: the child’s session has the terminal, ${what}`, { contract: 'P3' }, async (t) => {
    const { name, fd } = await pty(t)
    const before = controllingTerminal()
    const own = await child(t, { ...options, controllingTerminal: fd })
    const { session, pgrp } = stat(own.pid)
    assert.deepEqual({ session, pgrp }, { session: own.pid, pgrp: own.pid })
    assert.equal(await own.call('controllingTerminal'), name)
    const tty = await own.call('open', '/dev/tty')
    assert.equal(await own.call('tcgetsid', tty), own.pid)
    assert.equal(await own.call('tcgetpgrp', tty), own.pid)
    assert.equal(controllingTerminal(), before)
  })
}

for (const [what, file, options, code] of [
  ['missing program', '/no such', {}, 'ENOENT'],
  ['program without permission', '/etc/passwd', {}, 'EACCES'],
  ['missing directory', 'true', { cwd: '/no such' }, 'ENOENT'],
]) {
  test(`spawn() controllingTerminal: the terminal is free after failure, ${what}`, { contract: 'P2 E3' }, async (t) => {
    const { fd } = await pty(t)
    for (let i = 0; i < 20; i++) {
      const refused = facts(refusal(file, [], { stdio: 'ignore', controllingTerminal: fd, ...options }))
      assert.equal(refused.code, code)
    }
    fs.writeSync(fd, 'x')
    const owner = started(t, 'sleep', ['1000'], { controllingTerminal: fd })
    assert.equal(stat(owner.pid).tty, fs.fstatSync(fd).rdev)
  })
}

test('spawn() session: without `controllingTerminal`, /dev/tty gives ENXIO', { contract: 'P3' }, async (t) => {
  const own = await child(t, { session: true })
  assert.equal(await own.call('controllingTerminal'), null)
  await assert.rejects(own.call('open', '/dev/tty'), { code: 'ENXIO' })
})

test('spawn() controllingTerminal: Ctrl-C kills the child', { contract: 'P3' }, async (t) => {
  const { fd, type } = await pty(t)
  const sleeper = started(t, 'sleep', ['1000'], { controllingTerminal: fd, foreground: fd, stdio: [fd, fd, fd] })
  type(CTRL_C)
  assert.deepEqual(told(await sleeper.wait()), killed(sleeper.pid, 'SIGINT'))
})

test('spawn() controllingTerminal: a hangup kills the child', { contract: 'P3' }, async (t) => {
  const { fd, hangUp } = await pty(t)
  const sleeper = started(t, 'sleep', ['1000'], { session: true, controllingTerminal: fd })
  hangUp()
  assert.deepEqual(told(await sleeper.wait()), killed(sleeper.pid, 'SIGHUP'))
})

test('spawn() controllingTerminal, foreground: throws for a file, foreign terminal, closed number', {
  contract: 'P2',
}, async (t) => {
  const { fd } = await pty(t)
  const owner = started(t, 'sleep', ['1000'], { controllingTerminal: fd })
  const file = fs.openSync('/dev/null')
  t.after(() => fs.closeSync(file))
  const refused = (options) => facts(refusal('true', [], { stdio: 'ignore', ...options }))

  const errors = (syscall) => ({
    ENOTTY: { code: 'ENOTTY', errno: -25, syscall },
    EPERM: { code: 'EPERM', errno: -1, syscall },
    EBADF: { code: 'EBADF', errno: -9, syscall },
  })
  const { ENOTTY, EPERM, EBADF } = errors('ioctl')
  assert.deepEqual(refused({ controllingTerminal: file }), ENOTTY)
  assert.deepEqual(refused({ controllingTerminal: fd }), EPERM)
  assert.deepEqual(refused({ controllingTerminal: 2 ** 31 - 1 }), EBADF)
  for (const options of [{}, { processGroup: 0 }, { session: true }]) {
    assert.deepEqual(refused({ ...options, foreground: file }), errors('tcsetpgrp').ENOTTY)
    assert.deepEqual(refused({ ...options, foreground: fd }), errors('tcsetpgrp').ENOTTY)
    assert.deepEqual(refused({ ...options, foreground: 2 ** 31 - 1 }), errors('tcsetpgrp').EBADF)
  }
  // The owner keeps the terminal.
  assert.equal(stat(owner.pid).tty, fs.fstatSync(fd).rdev)
})
