// waitpid(): results, options, signals and errors. wait-ownership.spec.mjs has the refusals.
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
import { repetitions } from '../helpers/repetitions.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, run, scriptCommand } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

// No process has this pid: the kernel's highest is 2^22.
const NOBODY = 2 ** 31 - 1

const ECHILD = { name: 'Error', code: 'ECHILD', errno: -10, syscall: 'waitid' }

// Bun and Deno don't tell which children are theirs, so procnative refuses -1 and groups there without `force`.
const any = isNode ? {} : { force: true }

const isZombie = (pid) => until(() => stat(pid)?.state === 'Z', `${pid} is a zombie`)

// ── How a child ends ──

for (const code of [0, 1, 3, 127, 255]) {
  test(`waitpid(): a child that exits with ${code} has exitCode ${code}`, { contract: 'W1' }, (t) => {
    const { pid } = shell(t, `exit ${code}`)
    const { usage, ...rest } = waitpid(pid)
    assert.deepEqual(rest, exited(pid, code))
    assert.deepEqual(Object.keys(usage), ['userCPUTime', 'systemCPUTime', 'maxRSS'])
  })
}

// Signals that end a process, with their numbers for kill(1).
for (const [signal, number] of [
  ['SIGTERM', 15],
  ['SIGKILL', 9],
  ['SIGINT', 2],
  ['SIGQUIT', 3],
]) {
  test(`waitpid(): a child that \`kill -${number}\` ends was killed by '${signal}'`, { contract: 'W1' }, (t) => {
    const { pid } = sleeper(t)
    execFileSync('sh', ['-c', `kill -${number} ${pid}`])
    const { usage, ...rest } = waitpid(pid)
    assert.deepEqual({ ...rest, coreDumped: false }, killed(pid, signal))
    assert.notEqual(usage, null)
  })
}

// The names of child_process: SIGABRT, not SIGIOT; SIGIO, not SIGPOLL.
const FATAL =
  `SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 SIGPIPE SIGALRM
  SIGTERM SIGSTKFLT SIGXCPU SIGXFSZ SIGVTALRM SIGPROF SIGIO SIGPWR SIGSYS`.split(/\s+/)

test('waitpid(): names each fatal signal as child_process does', { contract: 'W1' }, (t) => {
  for (const signal of FATAL) {
    const { pid } = shell(t, `ulimit -c 0; kill -${os.constants.signals[signal]} $$`)
    assert.deepEqual(told(waitpid(pid)), killed(pid, signal))
  }
})

test("waitpid(): names real-time signals 'SIGRTMIN', 'SIGRTMIN+1', … 'SIGRTMIN+30'", { contract: 'W1' }, (t) => {
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

test('waitpid(): reports the end by a real-time signal of the C library', { contract: 'W1' }, (t) => {
  for (const number of [32, 33]) {
    const { pid } = shell(t, `kill -${number} $$`)
    const { state, signal, exitCode } = waitpid(pid)
    assert.deepEqual({ state, exitCode }, { state: 'killed', exitCode: null })
    assert.equal(typeof signal, 'string')
  }
})

/** Returns true if the kernel writes a core into the working directory of the process that dies (core(5)). */
function canDump() {
  const pattern = fs.readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim()
  const limit = execFileSync('sh', ['-c', 'ulimit -Hc'], { encoding: 'utf8' }).trim()
  return /^[^|/]+$/.test(pattern) && limit === 'unlimited'
}

test('waitpid(): coreDumped is true if the kernel wrote a core', {
  contract: 'W1',
  ...needs('cores in files', canDump()),
}, (t) => {
  const cwd = temporary(t)
  const { pid } = shell(t, 'ulimit -c unlimited; kill -QUIT $$', { cwd })
  assert.deepEqual(told(waitpid(pid)), killed(pid, 'SIGQUIT', true))
  const [core] = fs.readdirSync(cwd)
  assert.equal(fs.readFileSync(path.join(cwd, core)).subarray(0, 4).toString('latin1'), '\x7fELF')
})

test('waitpid(): coreDumped is false if the kernel wrote no core', { contract: 'W1' }, (t) => {
  const cwd = temporary(t)
  const { pid } = shell(t, 'ulimit -c 0; kill -QUIT $$', { cwd })
  assert.deepEqual(told(waitpid(pid)), killed(pid, 'SIGQUIT', false))
  assert.deepEqual(fs.readdirSync(cwd), [])
})

// ── Stopped and continued ──

test('waitpid(): `untraced` reports a stopped child and the signal, once', { contract: 'W1' }, (t) => {
  // Each child leads a group. This process's group may be orphaned, and there only SIGSTOP stops a process (setpgid(2)).
  for (const signal of ['STOP', 'TSTP', 'TTIN', 'TTOU']) {
    const { pid } = shell(t, `kill -${signal} $$; exec sleep 1000`, { processGroup: 0 })
    const { usage, ...rest } = waitpid(pid, { untraced: true })
    assert.deepEqual(rest, stopped(pid, `SIG${signal}`))
    assert.equal(stat(pid).state, 'T')
    assert.equal(waitpid(pid, { untraced: true, nohang: true }), null)
  }
})

test('waitpid(): `continued` reports a continued child, once', { contract: 'W1' }, (t) => {
  const { pid } = shell(t, 'kill -STOP $$; exec sleep 1000')
  waitpid(pid, { untraced: true })
  assert.equal(waitpid(pid, { continued: true, nohang: true }), null)
  process.kill(pid, 'SIGCONT')
  const { usage, ...rest } = waitpid(pid, { continued: true })
  assert.deepEqual(rest, continued(pid))
  assert.equal(waitpid(pid, { continued: true, untraced: true, nohang: true }), null)
})

test('waitpid(): reports only the end, without `untraced` and `continued`', { contract: 'W1' }, async (t) => {
  const { pid } = shell(t, 'kill -STOP $$; exit 5')
  await until(() => stat(pid).state === 'T', 'the child is stopped')
  assert.equal(waitpid(pid, { nohang: true }), null)
  assert.equal(waitpid(pid, { nohang: true, continued: true }), null)
  process.kill(pid, 'SIGCONT')
  assert.deepEqual(told(waitpid(pid)), exited(pid, 5))
})

test('waitpid(): reports a stopped child that is killed as killed', { contract: 'W1' }, (t) => {
  const { pid } = shell(t, 'kill -STOP $$')
  assert.deepEqual(told(waitpid(pid, { untraced: true, continued: true })), stopped(pid, 'SIGSTOP'))
  process.kill(pid, 'SIGKILL')
  assert.deepEqual(told(waitpid(pid, { untraced: true })), killed(pid, 'SIGKILL'))
})

// ── Usage ──

/** Returns the usage that a child reports itself, and the usage that waitpid() reports. */
function burnt(context, file, args) {
  const log = path.join(temporary(context), 'log')
  const fd = fs.openSync(log, 'a')
  context.after(() => fs.closeSync(fd))
  const { pid } = started(context, file, args, { stdio: ['ignore', fd, 'inherit'] })
  return { says: waitpid(pid).usage, itself: JSON.parse(fs.readFileSync(log, 'utf8')) }
}

for (const [who, file, args] of [
  ['the child', 'python3', [fixture('process/use-resources.py')]],
  ['a grandchild', 'sh', ['-c', `python3 '${fixture('process/use-resources.py')}'; exit 0`]],
]) {
  test(`waitpid(): usage has the microseconds and KiB of ${who}`, { contract: 'W1' }, (t) => {
    const { says, itself } = burnt(t, file, args)
    for (const field of ['userCPUTime', 'systemCPUTime', 'maxRSS']) {
      assert.ok(Number.isInteger(says[field]), field)
      // The child uses a little more after its report. Linux also counts the memory of this process, which the child
      // shares until its exec.
      const shared = field === 'maxRSS' ? parseInt(status('self', 'VmHWM'), 10) : 0
      const isThat = says[field] >= itself[field] && says[field] < 2 * itself[field] + shared
      assert.ok(isThat, `${field}: ${says[field]}, and by itself ${itself[field]}`)
    }
  })
}

test('waitpid(): usage of an idle child excludes the usage of another child', { contract: 'W1' }, (t) => {
  burnt(t, 'python3', [fixture('process/use-resources.py')])
  const { userCPUTime, systemCPUTime } = waitpid(shell(t, 'exit 0').pid).usage
  assert.ok(userCPUTime + systemCPUTime < 200_000)
})

// ── nohang, nowait ──

test('waitpid(): `nohang` returns null until the child has ended', { contract: 'W1' }, async (t) => {
  const { pid } = sleeper(t)
  for (let i = 0; i < 3; i++) assert.equal(waitpid(pid, { nohang: true }), null)
  assert.equal(isAlive(pid), true)
  process.kill(pid, 'SIGTERM')
  const ended = await until(() => waitpid(pid, { nohang: true }), 'the child has ended')
  assert.deepEqual(told(ended), killed(pid, 'SIGTERM'))
})

test('waitpid(): `nowait` leaves the zombie for the next call', { contract: 'W1' }, (t) => {
  const { pid } = shell(t, 'exit 6')
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(told(waitpid(pid, { nowait: true })), exited(pid, 6))
    assert.equal(stat(pid).state, 'Z')
  }
  assert.deepEqual(told(waitpid(pid)), exited(pid, 6))
  assert.equal(stat(pid), null)
  assert.throws(() => waitpid(pid, { nowait: true }), ECHILD)
})

test('waitpid(): `nowait` leaves a stop for the next call', { contract: 'W1' }, (t) => {
  const { pid } = shell(t, 'kill -STOP $$')
  const flags = { untraced: true, nohang: true }
  waitpid(pid, { untraced: true, nowait: true })
  assert.deepEqual(told(waitpid(pid, { ...flags, nowait: true })), stopped(pid, 'SIGSTOP'))
  assert.deepEqual(told(waitpid(pid, flags)), stopped(pid, 'SIGSTOP'))
  assert.equal(waitpid(pid, flags), null)
})

// ── Signals meanwhile ──

/** Starts a process that blocks in waitpid() for its child. */
async function blocked(context, prefix = []) {
  const [program, ...args] = [...prefix, process.execPath, ...scriptCommand(fixture('process/block-in-waitpid.mjs'))]
  // SIGUSR1 starts the inspector of Node.js. Port 0 avoids a port in use.
  const env = { ...process.env, NODE_OPTIONS: '--inspect-port=0' }
  const { child, ended } = run(program, args, isNode ? { env } : {})
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  const { pid } = JSON.parse(line)
  context.after(() => child.kill('SIGKILL'))
  const waiter = stat(pid).ppid
  // The numbers of waitid(2) and wait4(2).
  const isBlocked = () => /^(247|61) /.test(fs.readFileSync(`/proc/${waiter}/syscall`, 'utf8'))
  return { pid, waiter, ended, isBlocked, afterwards: async () => reports((await ended).stdout).slice(1) }
}

const readsSyscalls = fs.existsSync('/proc/self/syscall') && process.arch === 'x64'

test('waitpid(): signals do not interrupt the call', {
  contract: 'W1',
  ...needs('/proc/PID/syscall', readsSyscalls),
}, async (t) => {
  const { pid, waiter, isBlocked, afterwards } = await blocked(t)
  // Node.js catches SIGUSR1 without SA_RESTART.
  const signals = isNode ? ['SIGUSR1', 'SIGUSR2'] : ['SIGUSR2']
  for (let i = 0; i < repetitions(100); i++) {
    for (const signal of signals) {
      await until(isBlocked, 'the process is in waitpid()')
      process.kill(waiter, signal)
      await until(() => /^0+$/.test(status(waiter, 'ShdPnd')), 'the signal was delivered')
    }
  }
  await until(isBlocked, 'the process is in waitpid()')
  process.kill(waiter, 'SIGSTOP')
  process.kill(waiter, 'SIGCONT')
  await until(isBlocked, 'the process is in waitpid()')
  process.kill(pid, 'SIGTERM')
  assert.deepEqual((await afterwards()).map(told), [killed(pid, 'SIGTERM')])
})

test('waitpid(): retries after EINTR', { contract: 'W1', ...needs('strace', hasProgram('strace')) }, async (t) => {
  const log = path.join(temporary(t), 'log')
  const inject = ['-e', 'trace=waitid,wait4', '-e', 'inject=waitid,wait4:error=EINTR:when=1..5']
  const { pid, afterwards } = await blocked(t, ['strace', '-f', '-o', log, ...inject])
  const interrupted = () => fs.readFileSync(log, 'utf8').match(/EINTR.*\(INJECTED\)/g)?.length
  await until(() => interrupted() === 5, 'the call was interrupted')
  process.kill(pid, 'SIGTERM')
  assert.deepEqual((await afterwards()).map(told), [killed(pid, 'SIGTERM')])
})

// ── Errors ──

test('waitpid(): throws ECHILD for a child that was already reaped', { contract: 'W1' }, (t) => {
  const { pid } = shell(t, 'exit 7')
  assert.deepEqual(told(waitpid(pid)), exited(pid, 7))
  for (const options of [{}, { nohang: true }, { nowait: true }, { force: true }]) {
    assert.throws(() => waitpid(pid, options), { ...ECHILD, message: 'ECHILD: no child processes, waitid' })
  }
})

test('waitpid(): throws ECHILD for a process that is no child', { contract: 'W1' }, () => {
  for (const pid of [process.ppid, process.pid, 1, NOBODY]) {
    assert.throws(() => waitpid(pid, { nohang: true }), ECHILD, String(pid))
  }
})

test('waitpid(): throws ECHILD for -1, 0 and groups, without a child', { contract: 'W1' }, () => {
  for (const pid of [-1, 0, -process.pid, -NOBODY]) assert.throws(() => waitpid(pid, any), ECHILD, String(pid))
})

// ── Zombies ──

test('waitpid(): an ended child stays a zombie until the call reaps it', { contract: 'W1' }, async (t) => {
  const child = shell(t, 'exit 8')
  const { pid } = child
  await isZombie(pid)
  assert.equal(stat(pid).ppid, process.pid)
  assert.equal(process.kill(pid, 0), true)
  // Neither procnative nor the runtime reaps the child meanwhile.
  let turns = 0
  await until(() => ++turns > 1000)
  assert.equal(stat(pid).state, 'Z')

  assert.deepEqual(told(waitpid(pid)), exited(pid, 8))
  assert.equal(stat(pid), null)
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
  release(child)
})

// ── Groups ──

test('waitpid(0): waits for any child in the caller’s group', { contract: 'W1' }, async (t) => {
  const elsewhere = shell(t, 'exit 1', { processGroup: 0 })
  await isZombie(elsewhere.pid)
  const here = shell(t, 'exit 9')
  assert.deepEqual(told(waitpid(0, any)), exited(here.pid, 9))
  assert.throws(() => waitpid(0, any), ECHILD)
  assert.deepEqual(told(waitpid(elsewhere.pid)), exited(elsewhere.pid, 1))
})

test('waitpid(-pgid): waits for any child in that group', { contract: 'W1' }, async (t) => {
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

test('waitpid(-1): waits for any child, each once', { contract: 'W1' }, (t) => {
  const pids = [shell(t, 'exit 0'), shell(t, 'exit 0', { processGroup: 0 }), shell(t, 'exit 0')].map(({ pid }) => pid)
  const waited = pids.map(() => waitpid(-1, any))
  assert.deepEqual(waited.map(({ pid }) => pid).toSorted(), pids.toSorted())
  assert.throws(() => waitpid(-1, any), ECHILD)
})
