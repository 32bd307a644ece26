// Processes that sleep until they are killed.

import fs from 'node:fs'

/** Without pipes, however it is started. */
export const SLEEP = ['sleep', ['1000'], { stdio: 'ignore' }]

export const settled = () => new Promise((resolve) => setImmediate(resolve))

/** Over when a child does what it was started for: while its program is being loaded, it dies sooner. */
export async function untilAsleep(pid) {
  while (!fs.readFileSync(`/proc/${pid}/stat`, 'utf8').includes('(sleep) S ')) await settled()
}
