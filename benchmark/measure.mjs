// How it is measured: each contender in processes of its own, which take turns.

import { spawn } from 'node:child_process'
import { once } from 'node:events'

export const REPETITIONS = 7
// Beyond this a process that measures hangs.
const TIMEOUT = 120_000

const sorted = (values) => values.toSorted((a, b) => a - b)
export const quantile = (values, q) => sorted(values)[Math.min(values.length - 1, Math.floor(values.length * q))]
export const median = (values) => quantile(values, 0.5)

/** What a program prints, as JSON. That it ends in any other way than with 0 is an error. */
export async function told(program, args, options = {}) {
  const child = spawn(program, args.map(String), { stdio: ['ignore', 'pipe', 'inherit'], timeout: TIMEOUT, ...options })
  const [chunks, [code, signal]] = await Promise.all([child.stdout.toArray(), once(child, 'close')])
  if (code !== 0) throw new Error(`${[program, ...args].join(' ')} ended with ${code ?? signal}`)
  return JSON.parse(chunks.join(''))
}

/** What a module prints that this Node.js runs. */
export const toldByNode = (file, ...args) => told(process.execPath, ['--expose-gc', file, ...args])

/**
 * Turns at each contender, { name, measure }, now from the first to the last, now from the last to the first:
 * { name: [result, …] }.
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

/** The same of each contender's results: { name: [value, …] }. */
export const each = (results, pick) =>
  Object.fromEntries(Object.entries(results).map(([name, list]) => [name, list.map(pick)]))

/** The 99th percentiles of all that was measured in all repetitions: { name: value }. */
export const tails = (results) =>
  Object.fromEntries(Object.entries(results).map(([name, lists]) => [name, quantile(lists.flat(), 0.99)]))
