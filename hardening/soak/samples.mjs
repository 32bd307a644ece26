// Samples of the resources of this process.

import childProcess from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { children, descriptors, stat, threads } from '../../__test__/helpers/proc.mjs'
import procnative from '../../index.js'

const PATIENCE = 5000
const MEBI = 2 ** 20

/** Numbers that must be the same whenever all jobs are at rest. */
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

/** Starts and opens everything that is kept after its first use: libuv's threads, /dev/null, procnative's epoll set. */
export async function settle() {
  await Promise.all(Array.from({ length: 16 }, () => fs.promises.stat('/')))
  await once(childProcess.spawn('true'), 'close')
  await procnative.spawn('true').wait()
}

/** Returns a snapshot after a garbage collection, as soon as it has the expected numbers, or when the patience is over. */
export async function atRest(expected) {
  await collect()
  const deadline = Date.now() + PATIENCE
  for (;;) {
    const found = snapshot()
    if (!expected || EXACT.every((what) => found[what] === expected[what]) || Date.now() > deadline) return found
    await new Promise(setImmediate)
  }
}

// Collects twice, because finalizers release objects for the second collection.
async function collect() {
  for (let time = 0; time < 2; time++) {
    globalThis.gc()
    await new Promise(setImmediate)
  }
}
