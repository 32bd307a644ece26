// Processes that sleep until they are killed.

import fs from 'node:fs'

/** A start without pipes, for each contender. */
export const SLEEP = ['sleep', ['1000'], { stdio: 'ignore' }]

export const settled = () => new Promise((resolve) => setImmediate(resolve))

/** Waits until a child sleeps. A child dies faster while the kernel loads its program. */
export async function untilAsleep(pid) {
  while (!fs.readFileSync(`/proc/${pid}/stat`, 'utf8').includes('(sleep) S ')) await settled()
}
