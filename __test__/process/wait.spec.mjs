// W3, W5: wait(). Process is in process.spec.mjs, and waits by the thousand are in wait-load.spec.mjs.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { getEventListeners, once } from 'node:events'
import { createInterface } from 'node:readline'
import { openProcess, wait, waitpid } from '../../index.js'
import { exited, grandchild, isStatus, killed, shell, sleeper, told, unknown } from '../helpers/children.mjs'
import { end } from '../helpers/daemon.mjs'
import { isNode, isRoot, needs, test } from '../helpers/harness.mjs'
import { isAlive, stat } from '../helpers/proc.mjs'
import { countedTurns } from '../helpers/reactor.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, run, scriptCommand } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const NOBODY = 2 ** 31 - 1
const ECHILD = { code: 'ECHILD' }

// Elsewhere the runtime does not let its modules be changed.
const TRACER = needs('Node.js and root', isNode && isRoot)

const isZombie = (pid) => until(() => stat(pid)?.state === 'Z', `${pid} is a zombie`)

// ── A child ──

test('wait() resolves when a child has ended, and reaps it', { contract: 'W3' }, async (t) => {
  const { pid } = shell(t, 'exit 3')
  const { usage, ...rest } = await wait(pid)
  assert.deepEqual(rest, exited(pid, 3))
  assert.deepEqual(Object.keys(usage), ['userCPUTime', 'systemCPUTime', 'maxRSS'])
  assert.ok(usage.maxRSS > 0)
  assert.equal(stat(pid), null)
  assert.throws(() => waitpid(pid), ECHILD)
})

test('also one that ended before', { contract: 'W3' }, async (t) => {
  const { pid } = shell(t, 'kill -KILL $$')
  await isZombie(pid)
  assert.deepEqual(told(await wait(pid)), killed(pid, 'SIGKILL'))
  assert.equal(stat(pid), null)
})

test('it is pending for as long as the child runs; to stop and to go on is not to end', {
  contract: 'W3',
}, async (t) => {
  const { pid } = sleeper(t)
  let settled = false
  const waiting = wait(pid).finally(() => {
    settled = true
  })
  process.kill(pid, 'SIGSTOP')
  await until(() => stat(pid).state === 'T', 'it is stopped')
  process.kill(pid, 'SIGCONT')
  await until(() => stat(pid).state === 'S', 'it goes on')
  let turns = 0
  await until(() => ++turns > 1000)
  assert.equal(settled, false)
  process.kill(pid, 'SIGUSR1')
  assert.deepEqual(told(await waiting), killed(pid, 'SIGUSR1'))
})

test('with `observe` it stays a zombie for whoever waits for it', { contract: 'W3' }, async (t) => {
  const { pid } = shell(t, 'exit 4')
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(told(await wait(pid, { observe: true })), exited(pid, 4))
    assert.equal(stat(pid).state, 'Z')
  }
  assert.deepEqual(told(waitpid(pid)), exited(pid, 4))
})

test("real-time signals are 'SIGRTMIN', 'SIGRTMIN+1', …", { contract: 'W3' }, async (t) => {
  const { pid } = shell(t, 'kill -36 $$')
  assert.equal((await wait(pid, { observe: true })).signal, 'SIGRTMIN+2')
  assert.equal((await wait(pid)).signal, 'SIGRTMIN+2')
})

test('no such process is ESRCH, and so is a child that was waited for', { contract: 'W3' }, async (t) => {
  const { pid } = shell(t, 'exit 0')
  waitpid(pid)
  for (const nobody of [pid, NOBODY]) {
    for (const options of [{}, { observe: true }, { force: true }]) {
      await assert.rejects(wait(nobody, options), { name: 'Error', code: 'ESRCH', errno: -3, syscall: 'pidfd_open' })
    }
  }
})

test('a child that is traced is told of when its tracer lets go of it, and wakes nobody till then', {
  contract: 'W3',
  ...TRACER,
}, async (t) => {
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
    const title = `a process that is no child and ${how}, with ${JSON.stringify(options)}`
    test(`${title}: resolves at its death with the right status or 'unknown'`, { contract: 'W3' }, async (t) => {
      const { pid, end, status } = await grandchild(t, script, 'wait $!; echo $?')
      const waiting = wait(pid, options)
      end()
      const { usage, ...rest } = await waiting
      assert.deepEqual(rest, rest.state === 'unknown' ? unknown(pid) : expected(pid))
      assert.equal(usage, null)
      // Its parent has lost nothing.
      assert.equal(await status(), script === 'exit 5' ? '5' : '129')
    })
  }
}

test('a process that is no child resolves at its death, also while its parent leaves it a zombie', {
  contract: 'W3',
}, async (t) => {
  const { pid, end } = await grandchild(t, 'exit 6', 'exec sleep 1000')
  const waiting = wait(pid, { observe: true })
  end()
  const status = await waiting
  assert.equal(stat(pid).state, 'Z')
  assert.deepEqual(told(status), status.state === 'unknown' ? unknown(pid) : exited(pid, 6))
  // It was dead before, too.
  assert.equal((await wait(pid, { observe: true })).pid, pid)
})

// ── Two at once ──

const WAITS = {
  'wait()': ({ pid }) => wait(pid),
  'wait() with observe': ({ pid }) => wait(pid, { observe: true }),
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
  test(`${names.join(', ')} at once on one pid all resolve with the same status`, { contract: 'W3' }, async (t) => {
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
      // Who is second was told by the first: the kernel knows of no usage by then.
      assert.ok(statuses.every(({ usage }) => usage !== null))
      if (names.every((name) => [OBSERVING, OPENED].includes(name))) waitpid(child.pid)
      assert.equal(stat(child.pid), null)
    }
  })
}

test('what waitpid() has taken meanwhile, is told to those that wait', { contract: 'W3' }, async (t) => {
  const child = shell(t, 'exit 8')
  const waits = Object.values(WAITS).map((start) => start(child))
  assert.deepEqual(told(waitpid(child.pid)), exited(child.pid, 8))
  for (const status of await Promise.all(waits)) isStatus(status, exited(child.pid, 8))
  isStatus(await child.wait(), exited(child.pid, 8))
})

// ── AbortSignal ──

const ABORTED = { name: 'TheReason' }

test('a signal that is aborted already rejects with its reason; the child stays as it is', {
  contract: 'W3',
}, async (t) => {
  const child = shell(t, 'exit 9')
  await isZombie(child.pid)
  const signal = AbortSignal.abort(ABORTED)
  const waits = [wait(child.pid, { signal }), wait(child.pid, { observe: true, signal }), child.wait({ signal })]
  for (const { reason } of await Promise.allSettled(waits)) assert.equal(reason, ABORTED)
  assert.deepEqual(told(waitpid(child.pid)), exited(child.pid, 9))
})

test('a signal that is aborted while a wait is pending rejects with its reason; the child stays waitable', {
  contract: 'W3',
}, async (t) => {
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

test('after a wait was aborted, the next one hears of the end', { contract: 'W3' }, async (t) => {
  const { pid } = sleeper(t)
  const waiting = wait(pid, { signal: AbortSignal.timeout(1) })
  await assert.rejects(waiting, { name: 'TimeoutError' })
  process.kill(pid, 'SIGTERM')
  assert.deepEqual(told(await wait(pid)), killed(pid, 'SIGTERM'))
})

test('aborted as the child ends, a wait has either rejected or taken the status, 200 times', {
  contract: 'W3',
}, async (t) => {
  for (let i = 0; i < 200; i++) {
    const child = shell(t, 'exit 10')
    const controller = new AbortController()
    const waiting = wait(child.pid, { signal: controller.signal })
    // Every other time the end is seen by this thread before the event loop hears of it.
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

test('a signal that is not what it seems harms its own wait only', { contract: 'E3' }, async (t) => {
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

test('a wait that is over listens to its signal no more', { contract: 'W3' }, async (t) => {
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

// ── What keeps the event loop alive ──

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
  test(`${how}: the event loop is ${keepsAlive ? '' : 'not '}kept alive, and by nothing after it`, {
    contract: 'W5',
  }, async (t) => {
    const { child, ended } = run(process.execPath, scriptCommand(fixture('process/wait-then-idle.mjs'), how))
    const [line] = await once(createInterface({ input: child.stdout }), 'line')
    const { pid } = JSON.parse(line)
    t.after(() => end(pid))
    if (keepsAlive) process.kill(pid, 'SIGTERM')
    const { code, stdout, stderr } = await ended
    const [, ...rest] = reports(stdout)
    assert.equal(code, 0, stderr)
    // One that kept it alive was there to hear of the end; one that didn't had ended before there was one.
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
