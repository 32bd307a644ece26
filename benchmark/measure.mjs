// Measurements: each contender runs in its own processes, and the contenders take turns.

import { spawn } from 'node:child_process'
import { once } from 'node:events'

export const REPETITIONS = 7
// The longest time of a process that measures.
const TIMEOUT = 120_000

const sorted = (values) => values.toSorted((a, b) => a - b)
export const quantile = (values, q) => sorted(values)[Math.min(values.length - 1, Math.floor(values.length * q))]
export const median = (values) => quantile(values, 0.5)

/** Returns the JSON that a program prints. Throws if the program does not exit with 0. */
export async function told(program, args, options = {}) {
  const child = spawn(program, args.map(String), { stdio: ['ignore', 'pipe', 'inherit'], timeout: TIMEOUT, ...options })
  const [chunks, [code, signal]] = await Promise.all([child.stdout.toArray(), once(child, 'close')])
  if (code !== 0) throw new Error(`${[program, ...args].join(' ')} ended with ${code ?? signal}`)
  return JSON.parse(chunks.join(''))
}

/** Returns the JSON that a module prints in this Node.js. */
export const toldByNode = (file, ...args) => told(process.execPath, ['--expose-gc', file, ...args])

/**
 * Measures the contenders, { name, measure }, in turns: from the first to the last, then from the last to the first, and so on.
 * Returns { name: [result, …] }.
 */
export async function alternate(contenders, progress) {
  const results = Object.fromEntries(contenders.map(({ name }) => [name, []]))
  for (let turn = 0; turn < REPETITIONS; turn++) {
    for (const { name, measure } of turn % 2 === 0 ? contenders : contenders.toReversed()) {
      progress(`${name}, ${turn + 1} of ${REPETITIONS}`)
      results[name].push(await measure())
    }
  }
  return results
}

/** Picks a value of each result of each contender: { name: [value, …] }. */
export const each = (results, pick) =>
  Object.fromEntries(Object.entries(results).map(([name, list]) => [name, list.map(pick)]))

/** Returns the 99th percentiles of the values of all repetitions: { name: value }. */
export const tails = (results) =>
  Object.fromEntries(Object.entries(results).map(([name, lists]) => [name, quantile(lists.flat(), 0.99)]))
