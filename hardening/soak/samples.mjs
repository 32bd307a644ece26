// What this process has at a moment.

import childProcess from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { children, descriptors, stat, threads } from '../../__test__/helpers/proc.mjs'
import procnative from '../../index.js'

const PATIENCE = 5000
const MEBI = 2 ** 20

/** What is to be the same whenever all is at rest. */
export const EXACT = ['descriptors', 'threads', 'processes', 'zombies']

export function snapshot() {
  const pids = children()
  const { rss, heapUsed, external } = process.memoryUsage()
  return {
    descriptors: Object.keys(descriptors()).length,
    threads: threads(),
    processes: pids.length,
    zombies: pids.filter((pid) => stat(pid)?.state === 'Z').length,
    rss: rss / MEBI,
    heap: (heapUsed + external) / MEBI,
  }
}

/** Has what is started and opened at its first use, and kept, be there: libuv's threads and /dev/null, procnative's epoll set. */
export async function settle() {
  await Promise.all(Array.from({ length: 16 }, () => fs.promises.stat('/')))
  await once(childProcess.spawn('true'), 'close')
  await procnative.spawn('true').wait()
}

/** The same after what was given up is collected, and gone: once all is as expected, or doesn't come to be so. */
export async function atRest(expected) {
  await collect()
  const deadline = Date.now() + PATIENCE
  for (;;) {
    const found = snapshot()
    if (!expected || EXACT.every((what) => found[what] === expected[what]) || Date.now() > deadline) return found
    await new Promise(setImmediate)
  }
}

// Twice: what finalizers give up goes the second time.
async function collect() {
  for (let time = 0; time < 2; time++) {
    globalThis.gc()
    await new Promise(setImmediate)
  }
}
