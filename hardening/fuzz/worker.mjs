// worker.mjs SEED CALLS: a round. Writes each call to the file `calls` before it makes the call, and wrong outcomes to the file
// `complaints`. Must run in a pid namespace with the limits of rules.mjs (inside.sh).

import fs from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { RARE } from './calls.mjs'
import { hostile } from './hostile.mjs'
import { anyArguments, mutate } from './mutate.mjs'
import { Random } from './random.mjs'
import { FULL, isSpared, ownTarget } from './rules.mjs'
import { complaint } from './shape.mjs'
import { targetsOf } from './targets.mjs'
import { World } from './world.mjs'

const isDaemon = process.env.PROCNATIVE_DAEMON !== undefined
const [seed, calls, directory] = isMainThread
  ? [Number(process.argv[2]), Number(process.argv[3]), process.cwd()]
  : workerData
const { default: procnative } = await import('../../index.js')

// A daemon of this round makes other calls than its launcher.
const random = new Random(isDaemon ? seed ^ process.pid : seed)
const log = fs.openSync(`${directory}/calls`, 'a')
const complaints = fs.openSync(`${directory}/complaints`, 'a')
const write = (line) => fs.writeSync(log, `${isDaemon ? 'daemon ' : ''}${line}\n`)
const targets = targetsOf(procnative)
let made = 0
let isNested = false

function complain(what, call, error) {
  fs.writeSync(complaints, `${JSON.stringify({ call, what, stack: error?.stack })}\n`)
}

function judge(error, call, isExotic) {
  const what = complaint(error, isExotic)
  if (what !== null) complain(what, call, error)
}

const world = new World({
  random,
  procnative,
  directory,
  call() {
    if (isNested) return
    isNested = true
    const { isExotic, notes } = world
    try {
      callOnce('within it, ')
    } finally {
      isNested = false
      Object.assign(world, { isExotic, notes })
    }
  },
})

function chooseTarget() {
  for (;;) {
    const target = random.pick(targets)
    // A method needs an object of its class, which the world may lack.
    const isThere = target.kind === undefined || target.self(world) !== undefined
    if (isThere && random.chance(RARE[target.name] ?? 1)) return target
  }
}

function chooseArguments(target) {
  const kind = random.next()
  if (kind < 0.2) return anyArguments(world)
  const args = target.valid(world)
  if (kind < 0.85) mutate(world, args)
  if (kind < 0.3) mutate(world, args)
  return args
}

function chooseSelf(target) {
  if (target.isExotic) world.isExotic = true
  if (target.isBound || random.chance(0.9)) return target.self(world)
  world.isExotic = true
  world.note('this:')
  return hostile(world)
}

function callOnce(prefix = '') {
  const target = chooseTarget()
  const args = chooseArguments(target)
  const self = chooseSelf(target)
  if (target.name === 'dup2' && typeof args[1] === 'number') args[1] = ownTarget(args[1])
  if (target.name === 'Process.kill' && isSpared(self, procnative)) return
  const call = `${made} ${prefix}${target.name}: ${world.notes.join(', ')}`
  write(call)
  const { isExotic } = world
  try {
    const result = target.invoke(self, args)
    if (result instanceof Promise)
      result.then(
        (value) => receive(target, value),
        (error) => judge(error, call, isExotic),
      )
    else receive(target, result)
  } catch (error) {
    judge(error, call, isExotic || world.isExotic)
  }
}

// Keeps a result. Moves a descriptor number into the fuzzer's range.
function receive(target, result) {
  if (['dup', 'Handle.take'].includes(target.name)) world.ours(result)
  else world.keep(result)
}

async function callAll() {
  for (; made < calls && procnative.openFds().length < FULL; made++) {
    world.begin()
    callOnce()
    if (random.chance(0.1)) await setImmediate()
    if (random.chance(0.005)) globalThis.gc()
  }
}

// Errors in callbacks: from the fuzzer's own callbacks, or from the language for a callback that can't be called.
const UNCALLABLE = /revoked|^Class constructor/
process.on('uncaughtException', (error) => judge(error, 'an uncaught error', UNCALLABLE.test(error?.message)))
// A call may send SIGTERM to this process.
process.on('SIGTERM', () => {})

if (isDaemon) world.keep(procnative.daemonize())
if (isMainThread && !isDaemon && random.chance(0.2)) {
  const thread = new Worker(new URL(import.meta.url), { workerData: [seed, calls, directory] })
  thread.on('exit', (code) => end(code))
  thread.on('error', (error) => judge(error, 'a thread', false))
} else {
  try {
    await callAll()
    if (random.chance(0.5)) await closeAll()
    end(0)
  } catch (error) {
    complain('the fuzzer itself has failed', String(made), error)
    end(70)
  }
}

async function closeAll() {
  world.close()
  globalThis.gc()
  await setImmediate()
}

function end(code) {
  if (isMainThread) write(`end ${code}`)
  process.exit(code)
}
