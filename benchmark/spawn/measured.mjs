// measured.mjs KIND MEGABYTES CALLS: starts /bin/true, with so much more memory resident than Node.js has itself. Prints as JSON
// for each call how long it took, how long it was until the child had run, and how long the event loop stood still, in
// milliseconds.

import * as childProcess from 'node:child_process'
import * as procnative from '../../index.js'

const PROGRAM = '/bin/true'
// For so many milliseconds, calls load what there is to load, and have V8 compile.
const WARM_UP = 100

/** Starts the program, and gives what waits for its end. */
const STARTERS = {
  procnative: () => {
    const child = procnative.spawn(PROGRAM, [], { stdio: 'ignore' })
    return () => child.wait()
  },
  'child_process.spawn': () => {
    const child = childProcess.spawn(PROGRAM, { stdio: 'ignore' })
    return () => new Promise((resolve) => child.on('exit', resolve))
  },
  // It has run when this returns.
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

/** The longest that the loop, which has nothing else to do, took for a turn until the child had run. */
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
// Touched, or it would not be resident.
const hoard = Buffer.alloc(Number(megabytes) * 2 ** 20, 1)
const start = STARTERS[kind]
const began = performance.now()
const took = async () => [...(await measure(start)), await standstill(start)]
while (performance.now() - began < WARM_UP) await took()
const times = []
while (times.length < Number(calls)) times.push(await took())
console.log(JSON.stringify(times))
// Held until here.
process.exitCode = hoard.length === Number(megabytes) * 2 ** 20 ? 0 : 1
