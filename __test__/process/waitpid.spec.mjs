// W1: waitpid(). What it refuses is in wait-ownership.spec.mjs.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { waitpid } from '../../index.js'
import { continued, exited, killed, release, shell, sleeper, started, stopped, told } from '../helpers/children.mjs'
import { hasProgram, isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { isAlive, stat, status } from '../helpers/proc.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, run, scriptCommand } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

// No process has it: the kernel's highest is 2^22.
const NOBODY = 2 ** 31 - 1

const ECHILD = { name: 'Error', code: 'ECHILD', errno: -10, syscall: 'waitid' }

// In Bun and Deno, where one can't know which children are theirs, -1 and groups are refused without this.
const any = isNode ? {} : { force: true }

const isZombie = (pid) => until(() => stat(pid)?.state === 'Z', `${pid} is a zombie`)

// ── How a child ends ──

for (const code of [0, 1, 3, 127, 255]) {
  test(`a child that exits with ${code} has exitCode ${code}`, { contract: 'W1' }, (t) => {
    const { pid } = shell(t, `exit ${code}`)
    const { usage, ...rest } = waitpid(pid)
    assert.deepEqual(rest, exited(pid, code))
    assert.deepEqual(Object.keys(usage), ['userCPUTime', 'systemCPUTime', 'maxRSS'])
  })
}

// The table of signals that end a process, with the command that it names for each.
for (const [signal, number] of [
  ['SIGTERM', 15],
  ['SIGKILL', 9],
  ['SIGINT', 2],
  ['SIGQUIT', 3],
]) {
  test(`a child that is ended by \`kill -${number} pid\` was killed by '${signal}'`, { contract: 'W1' }, (t) => {
    const { pid } = sleeper(t)
    execFileSync('sh', ['-c', `kill -${number} ${pid}`])
    const { usage, ...rest } = waitpid(pid)
    assert.deepEqual({ ...rest, coreDumped: false }, killed(pid, signal))
    assert.notEqual(usage, null)
  })
}

// As child_process names them: SIGABRT, not SIGIOT; SIGIO, not SIGPOLL.
const FATAL =
  `SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 SIGPIPE SIGALRM
  SIGTERM SIGSTKFLT SIGXCPU SIGXFSZ SIGVTALRM SIGPROF SIGIO SIGPWR SIGSYS`.split(/\s+/)

test('every signal that ends a process is told by the name that child_process has for it', { contract: 'W1' }, (t) => {
  for (const signal of FATAL) {
    const { pid } = shell(t, `ulimit -c 0; kill -${os.constants.signals[signal]} $$`)
    assert.deepEqual(told(waitpid(pid)), killed(pid, signal))
  }
})

test("real-time signals are 'SIGRTMIN', 'SIGRTMIN+1', … 'SIGRTMIN+30'", { contract: 'W1' }, (t) => {
  for (const [number, signal] of [
    [34, 'SIGRTMIN'],
    [35, 'SIGRTMIN+1'],
    [49, 'SIGRTMIN+15'],
    [64, 'SIGRTMIN+30'],
  ]) {
    const { pid } = shell(t, `kill -${number} $$`)
    assert.deepEqual(told(waitpid(pid)), killed(pid, signal))
  }
})

test('the two real-time signals below, which are the C library’s own, have an end told too', {
  contract: 'W1',
}, (t) => {
  for (const number of [32, 33]) {
    const { pid } = shell(t, `kill -${number} $$`)
    const { state, signal, exitCode } = waitpid(pid)
    assert.deepEqual({ state, exitCode }, { state: 'killed', exitCode: null })
    assert.equal(typeof signal, 'string')
  }
})

/** Whether a core is written into the working directory of who dies. */
function canDump() {
  const pattern = fs.readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim()
  const limit = execFileSync('sh', ['-c', 'ulimit -Hc'], { encoding: 'utf8' }).trim()
  return /^[^|/]+$/.test(pattern) && limit === 'unlimited'
}

test('coreDumped is true where SIGQUIT had a core written', {
  contract: 'W1',
  ...needs('cores in files', canDump()),
}, (t) => {
  const cwd = temporary(t)
  const { pid } = shell(t, 'ulimit -c unlimited; kill -QUIT $$', { cwd })
  assert.deepEqual(told(waitpid(pid)), killed(pid, 'SIGQUIT', true))
  const [core] = fs.readdirSync(cwd)
  assert.equal(fs.readFileSync(path.join(cwd, core)).subarray(0, 4).toString('latin1'), '\x7fELF')
})

test('coreDumped is false where none was written', { contract: 'W1' }, (t) => {
  const cwd = temporary(t)
  const { pid } = shell(t, 'ulimit -c 0; kill -QUIT $$', { cwd })
  assert.deepEqual(told(waitpid(pid)), killed(pid, 'SIGQUIT', false))
  assert.deepEqual(fs.readdirSync(cwd), [])
})

// ── Stopped and continued ──

test('with `untraced`, a child that stops is told with the signal', { contract: 'W1' }, (t) => {
  // Not in this process's group, which may be orphaned: in one that is, only SIGSTOP stops.
  for (const signal of ['STOP', 'TSTP', 'TTIN', 'TTOU']) {
    const { pid } = shell(t, `kill -${signal} $$; exec sleep 1000`, { processGroup: 0 })
    const { usage, ...rest } = waitpid(pid, { untraced: true })
    assert.deepEqual(rest, stopped(pid, `SIG${signal}`))
    assert.equal(stat(pid).state, 'T')
    // Once.
    assert.equal(waitpid(pid, { untraced: true, nohang: true }), null)
  }
})

test('with `continued`, a child that goes on is told, once', { contract: 'W1' }, (t) => {
  const { pid } = shell(t, 'kill -STOP $$; exec sleep 1000')
  waitpid(pid, { untraced: true })
  assert.equal(waitpid(pid, { continued: true, nohang: true }), null)
  process.kill(pid, 'SIGCONT')
  const { usage, ...rest } = waitpid(pid, { continued: true })
  assert.deepEqual(rest, continued(pid))
  assert.equal(waitpid(pid, { continued: true, untraced: true, nohang: true }), null)
})

test('without these, only the end is told', { contract: 'W1' }, async (t) => {
  const { pid } = shell(t, 'kill -STOP $$; exit 5')
  await until(() => stat(pid).state === 'T', 'it is stopped')
  assert.equal(waitpid(pid, { nohang: true }), null)
  assert.equal(waitpid(pid, { nohang: true, continued: true }), null)
  process.kill(pid, 'SIGCONT')
  assert.deepEqual(told(waitpid(pid)), exited(pid, 5))
})

test('with both, a child that was stopped and is killed is told as killed', { contract: 'W1' }, (t) => {
  const { pid } = shell(t, 'kill -STOP $$')
  assert.deepEqual(told(waitpid(pid, { untraced: true, continued: true })), stopped(pid, 'SIGSTOP'))
  process.kill(pid, 'SIGKILL')
  assert.deepEqual(told(waitpid(pid, { untraced: true })), killed(pid, 'SIGKILL'))
})

// ── Usage ──

/** What a child says that it has used, and what waitpid() says. */
function burnt(context, file, args) {
  const log = path.join(temporary(context), 'log')
  const fd = fs.openSync(log, 'a')
  context.after(() => fs.closeSync(fd))
  const { pid } = started(context, file, args, { stdio: ['ignore', fd, 'inherit'] })
  return { says: waitpid(pid).usage, itself: JSON.parse(fs.readFileSync(log, 'utf8')) }
}

for (const [who, file, args] of [
  ['the child', 'python3', [fixture('process/use-resources.py')]],
  ['a child of the child', 'sh', ['-c', `python3 '${fixture('process/use-resources.py')}'; exit 0`]],
]) {
  test(`usage is what ${who} has used: microseconds, microseconds, KiB`, { contract: 'W1' }, (t) => {
    const { says, itself } = burnt(t, file, args)
    for (const field of ['userCPUTime', 'systemCPUTime', 'maxRSS']) {
      assert.ok(Number.isInteger(says[field]), field)
      // It has used a little more since it said so. And Linux counts the memory of this process, too, which a child
      // shares until its exec.
      const shared = field === 'maxRSS' ? parseInt(status('self', 'VmHWM'), 10) : 0
      const isThat = says[field] >= itself[field] && says[field] < 2 * itself[field] + shared
      assert.ok(isThat, `${field}: ${says[field]}, and by itself ${itself[field]}`)
    }
  })
}

test('usage of a child that did nothing is not that of another one', { contract: 'W1' }, (t) => {
  burnt(t, 'python3', [fixture('process/use-resources.py')])
  const { userCPUTime, systemCPUTime } = waitpid(shell(t, 'exit 0').pid).usage
  assert.ok(userCPUTime + systemCPUTime < 200_000)
})

// ── nohang, nowait ──

test('with `nohang`, nothing to tell is null, and then there is something', { contract: 'W1' }, async (t) => {
  const { pid } = sleeper(t)
  for (let i = 0; i < 3; i++) assert.equal(waitpid(pid, { nohang: true }), null)
  assert.equal(isAlive(pid), true)
  process.kill(pid, 'SIGTERM')
  const ended = await until(() => waitpid(pid, { nohang: true }), 'it has ended')
  assert.deepEqual(told(ended), killed(pid, 'SIGTERM'))
})

test('with `nowait`, what has ended is left to be waited for again', { contract: 'W1' }, (t) => {
  const { pid } = shell(t, 'exit 6')
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(told(waitpid(pid, { nowait: true })), exited(pid, 6))
    assert.equal(stat(pid).state, 'Z')
  }
  assert.deepEqual(told(waitpid(pid)), exited(pid, 6))
  assert.equal(stat(pid), null)
  assert.throws(() => waitpid(pid, { nowait: true }), ECHILD)
})

test('with `nowait`, a stop is left to be waited for again', { contract: 'W1' }, (t) => {
  const { pid } = shell(t, 'kill -STOP $$')
  const flags = { untraced: true, nohang: true }
  waitpid(pid, { untraced: true, nowait: true })
  assert.deepEqual(told(waitpid(pid, { ...flags, nowait: true })), stopped(pid, 'SIGSTOP'))
  assert.deepEqual(told(waitpid(pid, flags)), stopped(pid, 'SIGSTOP'))
  assert.equal(waitpid(pid, flags), null)
})

// ── Signals meanwhile ──

/** A process that is in waitpid() for its child. */
async function blocked(context, prefix = []) {
  const [program, ...args] = [...prefix, process.execPath, ...scriptCommand(fixture('process/block-in-waitpid.mjs'))]
  // Should it start an inspector, let that take any port.
  const env = { ...process.env, NODE_OPTIONS: '--inspect-port=0' }
  const { child, ended } = run(program, args, isNode ? { env } : {})
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  const { pid } = JSON.parse(line)
  context.after(() => child.kill('SIGKILL'))
  const waiter = stat(pid).ppid
  // waitid(2), wait4(2).
  const isBlocked = () => /^(247|61) /.test(fs.readFileSync(`/proc/${waiter}/syscall`, 'utf8'))
  return { pid, waiter, ended, isBlocked, afterwards: async () => reports((await ended).stdout).slice(1) }
}

const readsSyscalls = fs.existsSync('/proc/self/syscall') && process.arch === 'x64'

test('signals that come meanwhile do not interrupt it', {
  contract: 'W1',
  ...needs('/proc/PID/syscall', readsSyscalls),
}, async (t) => {
  const { pid, waiter, isBlocked, afterwards } = await blocked(t)
  // Node.js catches SIGUSR1 without SA_RESTART.
  const signals = isNode ? ['SIGUSR1', 'SIGUSR2'] : ['SIGUSR2']
  for (let i = 0; i < 100; i++) {
    for (const signal of signals) {
      await until(isBlocked, 'it is in waitpid()')
      process.kill(waiter, signal)
      await until(() => /^0+$/.test(status(waiter, 'ShdPnd')), 'the signal was delivered')
    }
  }
  await until(isBlocked, 'it is in waitpid()')
  process.kill(waiter, 'SIGSTOP')
  process.kill(waiter, 'SIGCONT')
  await until(isBlocked, 'it is in waitpid()')
  process.kill(pid, 'SIGTERM')
  assert.deepEqual((await afterwards()).map(told), [killed(pid, 'SIGTERM')])
})

test('EINTR never reaches the caller', { contract: 'W1', ...needs('strace', hasProgram('strace')) }, async (t) => {
  const log = path.join(temporary(t), 'log')
  const inject = ['-e', 'trace=waitid,wait4', '-e', 'inject=waitid,wait4:error=EINTR:when=1..5']
  const { pid, afterwards } = await blocked(t, ['strace', '-f', '-o', log, ...inject])
  const interrupted = () => fs.readFileSync(log, 'utf8').match(/EINTR.*\(INJECTED\)/g)?.length
  await until(() => interrupted() === 5, 'it was interrupted')
  process.kill(pid, 'SIGTERM')
  assert.deepEqual((await afterwards()).map(told), [killed(pid, 'SIGTERM')])
})

// ── Errors ──

test('a child that was waited for already is ECHILD', { contract: 'W1' }, (t) => {
  const { pid } = shell(t, 'exit 7')
  assert.deepEqual(told(waitpid(pid)), exited(pid, 7))
  for (const options of [{}, { nohang: true }, { nowait: true }, { force: true }]) {
    assert.throws(() => waitpid(pid, options), { ...ECHILD, message: 'ECHILD: no child processes, waitid' })
  }
})

test('a process that is no child is ECHILD, and so is none at all', { contract: 'W1' }, () => {
  for (const pid of [process.ppid, process.pid, 1, NOBODY]) {
    assert.throws(() => waitpid(pid, { nohang: true }), ECHILD, String(pid))
  }
})

test('without any child, -1, 0 and groups are ECHILD', { contract: 'W1' }, () => {
  for (const pid of [-1, 0, -process.pid, -NOBODY]) assert.throws(() => waitpid(pid, any), ECHILD, String(pid))
})

// ── Zombies ──

test('a child that has ended is a zombie, state Z in /proc, until waitpid() reaps it; then it is gone', {
  contract: 'W1',
}, async (t) => {
  const child = shell(t, 'exit 8')
  const { pid } = child
  await isZombie(pid)
  assert.equal(stat(pid).ppid, process.pid)
  assert.equal(process.kill(pid, 0), true)
  // Nobody takes it away in the meantime.
  let turns = 0
  await until(() => ++turns > 1000)
  assert.equal(stat(pid).state, 'Z')

  assert.deepEqual(told(waitpid(pid)), exited(pid, 8))
  assert.equal(stat(pid), null)
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
  release(child)
})

// ── Groups ──

test('pid 0 is any child in the group of the caller', { contract: 'W1' }, async (t) => {
  const elsewhere = shell(t, 'exit 1', { processGroup: 0 })
  await isZombie(elsewhere.pid)
  const here = shell(t, 'exit 9')
  assert.deepEqual(told(waitpid(0, any)), exited(here.pid, 9))
  assert.throws(() => waitpid(0, any), ECHILD)
  assert.deepEqual(told(waitpid(elsewhere.pid)), exited(elsewhere.pid, 1))
})

test('less than -1 is any child in the group of that number', { contract: 'W1' }, async (t) => {
  const here = shell(t, 'exit 1')
  await isZombie(here.pid)
  const leader = sleeper(t, { processGroup: 0 })
  const member = shell(t, 'exit 10', { processGroup: leader.pid })
  assert.deepEqual(told(waitpid(-leader.pid, any)), exited(member.pid, 10))
  assert.equal(waitpid(-leader.pid, { ...any, nohang: true }), null)
  leader.kill('SIGHUP')
  assert.deepEqual(told(waitpid(-leader.pid, any)), killed(leader.pid, 'SIGHUP'))
  assert.throws(() => waitpid(-leader.pid, any), ECHILD)
  assert.deepEqual(told(waitpid(here.pid)), exited(here.pid, 1))
})

test('-1 is any child, each once', { contract: 'W1' }, (t) => {
  const pids = [shell(t, 'exit 0'), shell(t, 'exit 0', { processGroup: 0 }), shell(t, 'exit 0')].map(({ pid }) => pid)
  const waited = pids.map(() => waitpid(-1, any))
  assert.deepEqual(waited.map(({ pid }) => pid).toSorted(), pids.toSorted())
  assert.throws(() => waitpid(-1, any), ECHILD)
})
