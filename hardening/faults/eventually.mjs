// Waiting for a condition that the kernel or another process brings about.

import { setTimeout as pass } from 'node:timers/promises'

/** Whether it comes true in so many milliseconds. */
export async function eventually(condition, patience = 3000) {
  const deadline = Date.now() + patience
  while (!(await condition())) {
    if (Date.now() > deadline) return false
    await pass(2)
  }
  return true
}
