// measured.mjs KIND MEGABYTES CALLS: starts /bin/true, with MEGABYTES more resident memory than Node.js itself. Prints as JSON, for
// each call, the milliseconds of the call, until the end of the child, and of the longest stop of the event loop.

import * as childProcess from 'node:child_process'
import * as procnative from '../../index.js'

const PROGRAM = '/bin/true'
// Milliseconds of calls that load modules and make V8 compile.
const WARM_UP = 100

/** Each starts the program; returns a function that waits for its end. */
const STARTERS = {
  procnative: () => {
    const child = procnative.spawn(PROGRAM, [], { stdio: 'ignore' })
    return () => child.wait()
  },
  'child_process.spawn': () => {
    const child = childProcess.spawn(PROGRAM, { stdio: 'ignore' })
    return () => new Promise((resolve) => child.on('exit', resolve))
  },
  // spawnSync() returns after the end of the program.
  spawnSync: () => {
    childProcess.spawnSync(PROGRAM, { stdio: 'ignore' })
    return () => {}
  },
}

async function measure(start) {
  const began = performance.now()
  const ended = start()
  const called = performance.now() - began
  await ended()
  return [called, performance.now() - began]
}

/** Returns the longest turn of the idle event loop until the end of the child, in milliseconds. */
async function standstill(start) {
  let [longest, isOver] = [0, false]
  let last = performance.now()
  const turn = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  await new Promise((resolve) => setImmediate(resolve))
  await start()()
  isOver = true
  await new Promise((resolve) => setImmediate(resolve))
  return longest
}

const [kind, megabytes, calls] = process.argv.slice(2)
// Filled, because only written pages are resident.
const hoard = Buffer.alloc(Number(megabytes) * 2 ** 20, 1)
const start = STARTERS[kind]
const began = performance.now()
const took = async () => [...(await measure(start)), await standstill(start)]
while (performance.now() - began < WARM_UP) await took()
const times = []
while (times.length < Number(calls)) times.push(await took())
console.log(JSON.stringify(times))
// This use keeps the buffer alive until here.
process.exitCode = hoard.length === Number(megabytes) * 2 ** 20 ? 0 : 1
