// The peers: alternatives to procnative. The first run of the benchmark installs the packages beside it.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = path.dirname(fileURLToPath(import.meta.url))
const require = createRequire(import.meta.url)

export function installPeers() {
  if (fs.existsSync(path.join(here, 'node_modules'))) return
  const { status } = spawnSync('npm', ['ci'], { cwd: here, stdio: 'inherit' })
  if (status !== 0) console.log('SKIPPED, NOT MEASURED: npm could not install the peers')
}

/** Returns true if a package is installed and loads. Otherwise prints a clear message. */
export function hasPeer(name) {
  try {
    require(name)
    return true
  } catch {
    console.log(`SKIPPED, NOT MEASURED: ${name} does not load`)
    return false
  }
}

/** Returns true if the machine has a Python that can pass descriptors. */
export function hasPython() {
  if (spawnSync('python3', ['-c', 'import socket; socket.send_fds']).status === 0) return true
  console.log('SKIPPED, NOT MEASURED: Python 3.9 or newer is missing')
  return false
}
