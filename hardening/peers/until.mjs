// Waits for a condition that another process brings about.

import { eventually } from '../faults/eventually.mjs'

const PATIENCE_MS = 20_000

/** Waits until a condition holds; throws if that takes too long. */
export async function until(what, condition, patienceMs = PATIENCE_MS) {
  if (!(await eventually(condition, patienceMs))) throw new Error(`never came true: ${what}`)
}
