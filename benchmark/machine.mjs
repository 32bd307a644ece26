// Requirements of the machine.

import fs from 'node:fs'

/** Returns true if the machine has the available memory. Otherwise prints a clear message. */
export function hasMemory(megabytes, what) {
  const available = Number(fs.readFileSync('/proc/meminfo', 'utf8').match(/^MemAvailable:\s+(\d+)/m)[1]) / 1024
  if (available >= megabytes) return true
  console.log(`SKIPPED, NOT MEASURED: ${what} takes ${megabytes} MB, and ${available.toFixed(0)} MB are available`)
  return false
}
