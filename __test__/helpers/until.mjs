// Waiting with a limit for an effect of the kernel or of another process.

import { setTimeout as pass } from 'node:timers/promises'

const PATIENCE_MS = 15_000
const POLL_MS = 1

/** Returns the result of `condition` as soon as it is true, or undefined after `patienceMs`. */
export async function eventually(condition, patienceMs = PATIENCE_MS) {
  const deadline = Date.now() + patienceMs
  for (;;) {
    const result = await condition()
    if (result) return result
    if (Date.now() > deadline) return undefined
    await pass(POLL_MS)
  }
}

/** Returns the result of `condition` as soon as it is true; throws after `patienceMs`. */
export async function until(condition, what = condition.toString(), patienceMs = PATIENCE_MS) {
  const result = await eventually(condition, patienceMs)
  if (!result) throw new Error(`never came true: ${what}`)
  return result
}

/** Returns the result of `promise`; throws if it takes longer than `patienceMs`. */
export async function inTime(promise, what, patienceMs = PATIENCE_MS) {
  const limit = new AbortController()
  const late = pass(patienceMs, undefined, { signal: limit.signal }).then(() => {
    throw new Error(`${what} is not over after ${patienceMs} ms`)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    limit.abort()
    // The aborted timer rejects; the limit no longer matters.
    late.catch(() => {})
  }
}
