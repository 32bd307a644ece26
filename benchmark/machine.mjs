// What a machine has to have.

import fs from 'node:fs'

/** Whether there is so much memory; says so loudly where there is not. */
export function hasMemory(megabytes, what) {
  const available = Number(fs.readFileSync('/proc/meminfo', 'utf8').match(/^MemAvailable:\s+(\d+)/m)[1]) / 1024
  if (available >= megabytes) return true
  console.log(`SKIPPED, NOT MEASURED: ${what} takes ${megabytes} MB, and ${available.toFixed(0)} MB are there`)
  return false
}
