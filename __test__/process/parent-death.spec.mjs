// spawn() parentDeathSignal: the end of the caller, and the signal that the child receives.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { end } from '../helpers/daemon.mjs'
import { hasProgram, isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { children, isAlive, stat, status } from '../helpers/proc.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, run, scriptCommand } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'
import { callers } from './helpers/caller.mjs'

const NOBODY = 65534

/** Starts a process that calls spawn(). `told()` returns a reported pid, `ended` how the process ends. */
function parentOf(context, call, { prefix = [], more = [] } = {}) {
  const script = scriptCommand(fixture('process/spawn-and-stay.mjs'), JSON.stringify(call), ...more)
  const [program, ...args] = [...prefix, process.execPath, ...script]
  const { child, ended } = run(program, args)
  let said = ''
  child.stdout.on('data', (text) => {
    said += text
  })
  context.after(async () => {
    for (const { parent, child } of reports(said)) await end(parent ?? child)
    await ended
  })
  const told = (name) => until(() => reports(said).find((one) => one[name])?.[name], `the pid of the ${name}`)
  return { told, ended }
}

/** Starts a process with a caller (helpers/caller.mjs) as its child. */
async function family(context, options) {
  const office = await callers(context)
  const [file, ...args] = office.command('child')
  const parent = parentOf(context, [file, args, { stdio: 'ignore', ...options }])
  const child = await office.named('child')
  assert.equal(await parent.told('child'), child.pid)
  return { child, kill: () => killed(parent) }
}

/** Kills the parent, and waits until the kernel has signaled its children. */
async function killed(parent) {
  process.kill(await parent.told('parent'), 'SIGKILL')
  await parent.ended
}

test('spawn() parentDeathSignal: the child receives it when the parent is killed', { contract: 'P3' }, async (t) => {
  const { child, kill } = await family(t, { parentDeathSignal: 'SIGUSR2' })
  for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGTERM']) await child.call('catch', signal)
  assert.deepEqual(child.events, [])
  await kill()
  await child.told({ caught: 'SIGUSR2' })
  // The signal may come more than once: each dying thread of the parent makes another thread the child's parent.
  assert.ok(child.events.every(({ caught }) => caught === 'SIGUSR2'))
})

for (const signal of ['SIGTERM', 'SIGKILL', 'SIGINT']) {
  test(`spawn() parentDeathSignal: ${signal} kills a child without a handler`, { contract: 'P3' }, async (t) => {
    const parent = parentOf(t, ['sleep', ['1000'], { stdio: 'ignore', parentDeathSignal: signal }])
    const child = await parent.told('child')
    assert.equal(isAlive(child), true)
    await killed(parent)
    await until(() => !isAlive(child), 'the child has died')
  })
}

test('spawn() parentDeathSignal: the child receives it when the parent exits', { contract: 'P3' }, async (t) => {
  const options = { stdio: 'ignore', parentDeathSignal: 'SIGTERM' }
  const parent = parentOf(t, ['sleep', ['1000'], options], { more: ['end'] })
  const child = await parent.told('child')
  await parent.ended
  await until(() => !isAlive(child), 'the child has died')
})

test('spawn() parentDeathSignal: without it, the child outlives the parent', { contract: 'P3' }, async (t) => {
  const { child, kill } = await family(t, {})
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) await child.call('catch', signal)
  await kill()
  // The kernel would have sent a signal by now, and the child would report it before its second answer.
  await child.call('getsid')
  await child.call('getsid')
  assert.deepEqual(child.events, [])
})

test('spawn() parentDeathSignal: works with `session`, `processGroup`, `cwd` and `umask`', {
  contract: 'P3',
}, async (t) => {
  for (const options of [{ session: true }, { processGroup: 0 }, { cwd: '/', umask: 0 }]) {
    const parent = parentOf(t, ['sleep', ['1000'], { stdio: 'ignore', parentDeathSignal: 'SIGTERM', ...options }])
    const child = await parent.told('child')
    await killed(parent)
    await until(() => !isAlive(child), 'the child has died')
  }
})

for (const [what, options] of [
  ['user', { user: 'nobody' }],
  ['group', { group: NOBODY }],
]) {
  test(`spawn() parentDeathSignal: works with another ${what}`, {
    contract: 'P3',
    ...needs('root', isRoot),
  }, async (t) => {
    const parent = parentOf(t, ['sleep', ['1000'], { stdio: 'ignore', parentDeathSignal: 'SIGTERM', ...options }])
    const child = await parent.told('child')
    const ids = ['Uid', 'Gid'].map((field) => Number(status(child, field).split(/\s/)[0]))
    assert.deepEqual(ids, [options.user ? NOBODY : 0, NOBODY])
    await killed(parent)
    await until(() => !isAlive(child), 'the child has died')
  })
}

test('spawn() parentDeathSignal: comes if the parent died before prctl(2)', {
  contract: 'S3 P3',
  ...needs('strace', hasProgram('strace')),
}, async (t) => {
  // strace stops the child after setsid(2), which comes before prctl(2).
  const directory = temporary(t)
  const [log, begun] = ['log', 'begun'].map((name) => path.join(directory, name))
  const hold = ['-e', 'trace=setsid,prctl,getppid', '-e', 'inject=setsid:signal=SIGSTOP:when=1']
  const call = ['touch', [begun], { stdio: 'ignore', session: true, parentDeathSignal: 'SIGTERM' }]
  const parent = parentOf(t, call, { prefix: ['strace', '-f', '-o', log, ...hold] })
  const lines = () => (fs.existsSync(log) ? fs.readFileSync(log, 'utf8') : '')
  const [, stopped] = await until(() => lines().match(/^(\d+) +--- stopped by SIGSTOP/m), 'the child is held')
  const child = Number(stopped)
  t.after(() => end(child))
  assert.doesNotMatch(lines(), new RegExp(`^${child} +prctl\\(PR_SET_PDEATHSIG`, 'm'))

  const pid = await parent.told('parent')
  assert.equal(stat(child).ppid, pid)
  process.kill(pid, 'SIGKILL')
  await until(() => stat(child).ppid !== pid, 'the child has another parent')
  process.kill(child, 'SIGCONT')
  const [, how] = await until(
    () => lines().match(new RegExp(`^${child} +\\+\\+\\+ (.+) \\+`, 'm')),
    'the child has ended',
  )
  assert.equal(how, 'killed by SIGTERM')
  assert.equal(fs.existsSync(begun), false)
})

/** Returns the code of the error that spawn() throws in a worker thread. */
async function refusalInWorker(call) {
  const worker = new Worker(fixture('process/report-refusal-worker.mjs'), { workerData: call })
  const [[code]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')])
  return code
}

test('spawn() parentDeathSignal: throws ERR_PROCNATIVE_WORKER_THREAD in a worker thread', {
  contract: 'P3',
}, async (t) => {
  const begun = path.join(temporary(t), 'begun')
  const before = children()
  for (const parentDeathSignal of ['SIGTERM', 'SIGKILL']) {
    const code = await refusalInWorker(['touch', [begun], { stdio: 'ignore', parentDeathSignal }])
    assert.equal(code, 'ERR_PROCNATIVE_WORKER_THREAD')
  }
  assert.deepEqual(children(), before)
  assert.equal(fs.existsSync(begun), false)
})
