// P3: parentDeathSignal: what becomes of a child of spawn() when the caller dies.
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

/** A process that calls spawn(), with what may stand before it; `told` is what it reports, `ended` how it ends. */
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

/** A caller as the child of a process that is no other's. */
async function family(context, options) {
  const office = await callers(context)
  const [file, ...args] = office.command('child')
  const parent = parentOf(context, [file, args, { stdio: 'ignore', ...options }])
  const child = await office.named('child')
  assert.equal(await parent.told('child'), child.pid)
  return { child, kill: () => killed(parent) }
}

/** Over when the parent has told each of its children of its death. */
async function killed(parent) {
  process.kill(await parent.told('parent'), 'SIGKILL')
  await parent.ended
}

test('the child gets the signal of `parentDeathSignal` when its parent is killed', { contract: 'P3' }, async (t) => {
  const { child, kill } = await family(t, { parentDeathSignal: 'SIGUSR2' })
  for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGTERM']) await child.call('catch', signal)
  assert.deepEqual(child.events, [])
  await kill()
  await child.told({ caught: 'SIGUSR2' })
  // It may come more than once: each of the parent's threads that dies after the other passes the child on.
  assert.ok(child.events.every(({ caught }) => caught === 'SIGUSR2'))
})

for (const signal of ['SIGTERM', 'SIGKILL', 'SIGINT']) {
  test(`a child that does not handle ${signal} dies of it when its parent is killed`, { contract: 'P3' }, async (t) => {
    const parent = parentOf(t, ['sleep', ['1000'], { stdio: 'ignore', parentDeathSignal: signal }])
    const child = await parent.told('child')
    assert.equal(isAlive(child), true)
    await killed(parent)
    await until(() => !isAlive(child), 'the child has died')
  })
}

test('the child gets the signal when its parent ends by itself', { contract: 'P3' }, async (t) => {
  const options = { stdio: 'ignore', parentDeathSignal: 'SIGTERM' }
  const parent = parentOf(t, ['sleep', ['1000'], options], { more: ['end'] })
  const child = await parent.told('child')
  await parent.ended
  await until(() => !isAlive(child), 'the child has died')
})

test('without `parentDeathSignal`, the child outlives its parent', { contract: 'P3' }, async (t) => {
  const { child, kill } = await family(t, {})
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) await child.call('catch', signal)
  await kill()
  // What is sent, is sent as the parent ends, and told of before what is asked for then.
  await child.call('getsid')
  await child.call('getsid')
  assert.deepEqual(child.events, [])
})

test('`parentDeathSignal` holds in a session, a group and a directory of its own', { contract: 'P3' }, async (t) => {
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
  test(`\`parentDeathSignal\` holds with another ${what}`, { contract: 'P3', ...needs('root', isRoot) }, async (t) => {
    const parent = parentOf(t, ['sleep', ['1000'], { stdio: 'ignore', parentDeathSignal: 'SIGTERM', ...options }])
    const child = await parent.told('child')
    const ids = ['Uid', 'Gid'].map((field) => Number(status(child, field).split(/\s/)[0]))
    assert.deepEqual(ids, [options.user ? NOBODY : 0, NOBODY])
    await killed(parent)
    await until(() => !isAlive(child), 'the child has died')
  })
}

test('where the parent dies before the signal is set, the child gets it all the same', {
  contract: 'S3 P3',
  ...needs('strace', hasProgram('strace')),
}, async (t) => {
  // The child is stopped on its way to the program, when it has its session: that comes before what the signal takes.
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

/** The code that spawn() is refused by in a worker thread; it is to have changed nothing. */
async function refusalInWorker(call) {
  const worker = new Worker(fixture('process/report-refusal-worker.mjs'), { workerData: call })
  const [[code]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')])
  return code
}

test('off the main thread it is ERR_PROCNATIVE_WORKER_THREAD, and nothing is started', {
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
