// wait(): children, other processes, concurrent waits, AbortSignal and the event loop. process.spec.mjs has Process,
// wait-load.spec.mjs has thousands of waits.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { getEventListeners, once } from 'node:events'
import { createInterface } from 'node:readline'
import { openProcess, wait, waitpid } from '../../index.js'
import { assertStatus, exited, grandchild, killed, shell, sleeper, told, unknown } from '../helpers/children.mjs'
import { end } from '../helpers/daemon.mjs'
import { isNode, isRoot, needs, test } from '../helpers/harness.mjs'
import { isAlive, stat } from '../helpers/proc.mjs'
import { countedTurns } from '../helpers/reactor.mjs'
import { repetitions } from '../helpers/repetitions.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, run, scriptCommand } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const NOBODY = 2 ** 31 - 1
const ECHILD = { code: 'ECHILD' }

// countedTurns() replaces a function of a core module, which Bun and Deno don't allow.
const TRACER = needs('Node.js and root', isNode && isRoot)

const isZombie = (pid) => until(() => stat(pid)?.state === 'Z', `${pid} is a zombie`)

// ── A child ──

test('wait(): resolves when the child has ended, and reaps it', { contract: 'W3' }, async (t) => {
  const { pid } = shell(t, 'exit 3')
  const { usage, ...rest } = await wait(pid)
  assert.deepEqual(rest, exited(pid, 3))
  assert.deepEqual(Object.keys(usage), ['userCPUTime', 'systemCPUTime', 'maxRSS'])
  assert.ok(usage.maxRSS > 0)
  assert.equal(stat(pid), null)
  assert.throws(() => waitpid(pid), ECHILD)
})

test('wait(): reaps a child that ended before the call', { contract: 'W3' }, async (t) => {
  const { pid } = shell(t, 'kill -KILL $$')
  await isZombie(pid)
  assert.deepEqual(told(await wait(pid)), killed(pid, 'SIGKILL'))
  assert.equal(stat(pid), null)
})

test('wait(): stays pending while the child stops and continues', { contract: 'W3' }, async (t) => {
  const { pid } = sleeper(t)
  let settled = false
  const waiting = wait(pid).finally(() => {
    settled = true
  })
  process.kill(pid, 'SIGSTOP')
  await until(() => stat(pid).state === 'T', 'the child is stopped')
  process.kill(pid, 'SIGCONT')
  await until(() => stat(pid).state === 'S', 'the child goes on')
  let turns = 0
  await until(() => ++turns > 1000)
  assert.equal(settled, false)
  process.kill(pid, 'SIGUSR1')
  assert.deepEqual(told(await waiting), killed(pid, 'SIGUSR1'))
})

test('wait(): `observe` leaves the zombie for the next wait', { contract: 'W3' }, async (t) => {
  const { pid } = shell(t, 'exit 4')
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(told(await wait(pid, { observe: true })), exited(pid, 4))
    assert.equal(stat(pid).state, 'Z')
  }
  assert.deepEqual(told(waitpid(pid)), exited(pid, 4))
})

test("wait(): names real-time signals 'SIGRTMIN', 'SIGRTMIN+1', …", { contract: 'W3' }, async (t) => {
  const { pid } = shell(t, 'kill -36 $$')
  assert.equal((await wait(pid, { observe: true })).signal, 'SIGRTMIN+2')
  assert.equal((await wait(pid)).signal, 'SIGRTMIN+2')
})

test('wait(): rejects with ESRCH for a missing or reaped process', { contract: 'W3' }, async (t) => {
  const { pid } = shell(t, 'exit 0')
  waitpid(pid)
  for (const missing of [pid, NOBODY]) {
    for (const options of [{}, { observe: true }, { force: true }]) {
      await assert.rejects(wait(missing, options), { name: 'Error', code: 'ESRCH', errno: -3, syscall: 'pidfd_open' })
    }
  }
})

test('wait(): a traced child resolves after its tracer, without polling', { contract: 'W3', ...TRACER }, async (t) => {
  const { pid } = sleeper(t)
  const tracer = spawn('python3', [fixture('process/trace-process.py'), pid], { stdio: ['pipe', 'pipe', 'inherit'] })
  const gone = once(tracer, 'close')
  await once(tracer.stdout, 'data')
  const turns = countedTurns(t)
  let isTold = false
  const waiting = wait(pid).finally(() => {
    isTold = true
  })
  process.kill(pid, 'SIGKILL')
  await isZombie(pid)
  for (let i = 0; i < 1000; i++) await new Promise(setImmediate)
  assert.equal(isTold, false)
  assert.ok(turns() < 10, `${turns()} turns`)
  tracer.stdin.end('\n')
  assert.deepEqual(told(await waiting), killed(pid, 'SIGKILL'))
  await gone
})

// ── No child ──

for (const [how, script, expected] of [
  ['exits', 'exit 5', (pid) => exited(pid, 5)],
  ['is killed', 'kill -HUP $$', (pid) => killed(pid, 'SIGHUP')],
]) {
  for (const options of isNode ? [{}, { observe: true }] : [{ observe: true }]) {
    const shown = JSON.stringify(options)
    test(`wait(): resolves when a process that is no child ${how}, ${shown}`, { contract: 'W3' }, async (t) => {
      const { pid, end, status } = await grandchild(t, script, 'wait $!; echo $?')
      const waiting = wait(pid, options)
      end()
      const { usage, ...rest } = await waiting
      assert.deepEqual(rest, rest.state === 'unknown' ? unknown(pid) : expected(pid))
      assert.equal(usage, null)
      // The parent has received the status, too.
      assert.equal(await status(), script === 'exit 5' ? '5' : '129')
    })
  }
}

test('wait(): resolves when another process’s child becomes a zombie', { contract: 'W3' }, async (t) => {
  const { pid, end } = await grandchild(t, 'exit 6', 'exec sleep 1000')
  const waiting = wait(pid, { observe: true })
  end()
  const status = await waiting
  assert.equal(stat(pid).state, 'Z')
  assert.deepEqual(told(status), status.state === 'unknown' ? unknown(pid) : exited(pid, 6))
  // The process was dead before this call.
  assert.equal((await wait(pid, { observe: true })).pid, pid)
})

// ── Two at once ──

const WAITS = {
  'wait()': ({ pid }) => wait(pid),
  observe: ({ pid }) => wait(pid, { observe: true }),
  'child.wait()': (child) => child.wait(),
  'openProcess().wait()': ({ pid }) => openProcess(pid).wait(),
}
const [CONSUMING, OBSERVING, ITS_OWN, OPENED] = Object.keys(WAITS)

for (const names of [
  [CONSUMING, CONSUMING],
  [CONSUMING, CONSUMING, CONSUMING],
  [OBSERVING, OBSERVING],
  [OBSERVING, CONSUMING],
  [CONSUMING, OBSERVING],
  [ITS_OWN, ITS_OWN],
  [ITS_OWN, CONSUMING],
  [CONSUMING, ITS_OWN, OBSERVING],
  [OPENED, CONSUMING],
  [ITS_OWN, OPENED, OBSERVING, CONSUMING],
]) {
  test(`concurrent waits: resolve with the same status, ${names.join(', ')}`, { contract: 'W3' }, async (t) => {
    for (const [script, state] of [
      ['exit 7', 'Z'],
      ['kill -STOP $$; exit 7', 'T'],
    ]) {
      const child = shell(t, script)
      await until(() => stat(child.pid).state === state)
      const waits = names.map((name) => WAITS[name](child))
      if (state === 'T') process.kill(child.pid, 'SIGCONT')
      const statuses = await Promise.all(waits)
      for (const status of statuses) assert.deepEqual(told(status), exited(child.pid, 7))
      // The first wait passes its status on to the others: after the reaping, the kernel has no usage any more.
      assert.ok(statuses.every(({ usage }) => usage !== null))
      if (names.every((name) => [OBSERVING, OPENED].includes(name))) waitpid(child.pid)
      assert.equal(stat(child.pid), null)
    }
  })
}

test('concurrent waits: resolve with the status that waitpid() took', { contract: 'W3' }, async (t) => {
  const child = shell(t, 'exit 8')
  const waits = Object.values(WAITS).map((start) => start(child))
  assert.deepEqual(told(waitpid(child.pid)), exited(child.pid, 8))
  for (const status of await Promise.all(waits)) assertStatus(status, exited(child.pid, 8))
  assertStatus(await child.wait(), exited(child.pid, 8))
})

// ── AbortSignal ──

const ABORTED = { name: 'TheReason' }

test('AbortSignal: an aborted signal rejects the wait, the child stays waitable', { contract: 'W3' }, async (t) => {
  const child = shell(t, 'exit 9')
  await isZombie(child.pid)
  const signal = AbortSignal.abort(ABORTED)
  const waits = [wait(child.pid, { signal }), wait(child.pid, { observe: true, signal }), child.wait({ signal })]
  for (const { reason } of await Promise.allSettled(waits)) assert.equal(reason, ABORTED)
  assert.deepEqual(told(waitpid(child.pid)), exited(child.pid, 9))
})

test('AbortSignal: abort() rejects pending waits, other waits go on', { contract: 'W3' }, async (t) => {
  const child = sleeper(t)
  const controller = new AbortController()
  const { signal } = controller
  const waits = [wait(child.pid, { signal }), wait(child.pid, { observe: true, signal }), child.wait({ signal })]
  const others = [wait(child.pid), child.wait()]
  await new Promise(setImmediate)
  controller.abort(ABORTED)
  for (const { reason } of await Promise.allSettled(waits)) assert.equal(reason, ABORTED)
  assert.equal(isAlive(child.pid), true)
  child.kill()
  for (const status of await Promise.all(others)) assert.deepEqual(told(status), killed(child.pid, 'SIGTERM'))
})

test('AbortSignal: a wait after an aborted wait resolves', { contract: 'W3' }, async (t) => {
  const { pid } = sleeper(t)
  const waiting = wait(pid, { signal: AbortSignal.timeout(1) })
  await assert.rejects(waiting, { name: 'TimeoutError' })
  process.kill(pid, 'SIGTERM')
  assert.deepEqual(told(await wait(pid)), killed(pid, 'SIGTERM'))
})

test('AbortSignal: abort() during the end rejects, or the wait has the status', { contract: 'W3' }, async (t) => {
  for (let i = 0; i < repetitions(200); i++) {
    const child = shell(t, 'exit 10')
    const controller = new AbortController()
    const waiting = wait(child.pid, { signal: controller.signal })
    // In every second round, the child has ended before the event loop can report it.
    if (i % 2 === 0) while (stat(child.pid).state !== 'Z');
    else await new Promise(setImmediate)
    controller.abort(ABORTED)
    const [{ value, reason }] = await Promise.allSettled([waiting])
    if (value) assert.throws(() => waitpid(child.pid), ECHILD)
    else assert.equal(reason, ABORTED)
    assert.deepEqual(told(value ?? waitpid(child.pid)), exited(child.pid, 10))
    child.close()
  }
})

test('AbortSignal: a false signal harms only its own wait', { contract: 'E3' }, async (t) => {
  const noListeners = { aborted: false, addEventListener: () => {} }
  const { pid } = sleeper(t)
  for (const signal of [{ aborted: false }, noListeners]) {
    await assert.rejects(wait(pid, { signal }), { code: 'ERR_INVALID_ARG_TYPE' })
  }
  const thrown = new Error('thrown by the signal')
  const throwing = (name) => ({
    aborted: false,
    addEventListener: () => {},
    removeEventListener: () => {},
    [name]() {
      throw thrown
    },
  })
  const signals = [throwing('addEventListener'), throwing('removeEventListener')]
  const odd = Promise.allSettled(signals.map((signal) => wait(pid, { signal })))
  const others = [wait(pid), ...[sleeper(t), sleeper(t)].map((child) => [child.kill(), child.wait()][1])]
  process.kill(pid, 'SIGTERM')
  for (const { signal } of await Promise.all(others)) assert.equal(signal, 'SIGTERM')
  for (const { reason } of await odd) assert.equal(reason, thrown)
})

test('AbortSignal: a settled wait has removed its listener', { contract: 'W3' }, async (t) => {
  const controller = new AbortController()
  const { signal } = controller
  for (let i = 0; i < 20; i++) {
    const child = shell(t, 'exit 0')
    await Promise.all([wait(child.pid, { signal }), child.wait({ signal }), wait(child.pid, { observe: true, signal })])
    await assert.rejects(wait(NOBODY, { signal }), { code: 'ESRCH' })
  }
  assert.equal(getEventListeners(signal, 'abort').length, 0)
  controller.abort()
})

// ── The event loop ──

for (const [how, keepsAlive] of Object.entries({
  nothing: false,
  wait: true,
  observe: true,
  'child.wait': true,
  'unref, wait': false,
  'wait, unref': false,
  'unref, wait, ref': true,
  'unref, wait elsewhere': true,
  'wait, abort': false,
  'wait, close': true,
  close: false,
})) {
  test(`event loop: ${keepsAlive ? 'stays alive' : 'does not stay alive'}, ${how}`, { contract: 'W5' }, async (t) => {
    const { child, ended } = run(process.execPath, scriptCommand(fixture('process/wait-then-idle.mjs'), how))
    const [line] = await once(createInterface({ input: child.stdout }), 'line')
    const { pid } = JSON.parse(line)
    t.after(() => end(pid))
    if (keepsAlive) process.kill(pid, 'SIGTERM')
    const { code, stdout, stderr } = await ended
    const [, ...rest] = reports(stdout)
    assert.equal(code, 0, stderr)
    // A wait that keeps the event loop alive reports the end. Otherwise the process ends while the child still runs.
    assert.equal(isAlive(pid), !keepsAlive)
    const [said] = rest
    if (keepsAlive)
      assert.deepEqual(
        rest.map(told),
        rest.map(() => killed(pid, 'SIGTERM')),
      )
    assert.equal(said !== undefined, keepsAlive || how === 'wait, abort')
  })
}
