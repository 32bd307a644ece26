// measured.mjs KIND CHILDREN DEATHS: starts CHILDREN children that sleep. Prints as JSON the milliseconds from each kill() until
// this process was told of the death: of DEATHS children one by one, each of which is replaced, then of all children in a burst.
// Also prints the resources that the children take in this process:
// { spread: [0.05], burst: [0.09], threads: 0, descriptors: 1, megabytes: 0.1 }

import * as childProcess from 'node:child_process'
import * as procnative from '../../index.js'
import { growth } from '../growth.cjs'
import { SLEEP, settled, untilAsleep } from './sleepers.mjs'

// Deaths that load modules and make V8 compile.
const WARM_UP = 50

/** Each starts a child; returns its pid, and a promise of the time at which its end was reported. */
const STARTERS = {
  procnative: () => {
    const child = procnative.spawn(...SLEEP)
    return { pid: child.pid, heard: child.wait().then(() => performance.now()) }
  },
  "the event 'exit'": () => {
    const child = childProcess.spawn(...SLEEP)
    return { pid: child.pid, heard: new Promise((resolve) => child.on('exit', () => resolve(performance.now()))) }
  },
}

async function startAll(start, count) {
  const children = []
  while (children.length < count) {
    children.push(start())
    if (children.length % 100 === 0) await settled()
  }
  for (const { pid } of children) await untilAsleep(pid)
  return children
}

/** Kills a child; returns the milliseconds until its end is reported. In a burst, other children are killed meanwhile. */
function end({ pid, heard }) {
  const killed = performance.now()
  process.kill(pid, 'SIGKILL')
  return heard.then((at) => at - killed)
}

/** Kills one child after the other, and starts another child in its place. */
async function oneByOne(children, start, deaths) {
  const times = []
  for (let death = 0; death < deaths; death++) {
    times.push(await end(children.shift()))
    children.push(...(await startAll(start, 1)))
  }
  return times
}

const [kind, count, deaths] = process.argv.slice(2)
const start = STARTERS[kind]
const first = await startAll(start, 1)
await oneByOne(first, start, WARM_UP)
await end(first[0])

const grown = growth()
const children = await startAll(start, Number(count))
await settled()
const taken = grown()
const spread = await oneByOne(children, start, Number(deaths))
const burst = await Promise.all(children.map(end))
console.log(JSON.stringify({ spread, burst, ...taken }))
