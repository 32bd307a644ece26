// Contenders that start the daemon: { name, command, isForeground }. `command` returns the command line up to the arguments of
// the app, with the given options for Node.js.

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { hasPeer } from '../peers.mjs'

const file = (name) => fileURLToPath(new URL(name, import.meta.url))
const app = file('./app.cjs')
const script = (name) => (options) => [process.execPath, ...options, file(name)]

export const PLAIN = 'plain node app.js'

/** Returns the contenders that this machine has. */
export function contenders() {
  const all = [
    { name: 'procnative', command: script('./launchers/procnative.cjs') },
    { name: PLAIN, command: script('./app.cjs'), isForeground: true },
    { name: 'spawn detached', command: script('./launchers/detached.cjs') },
  ]
  if (hasPeer('daemon')) all.push({ name: 'npm daemon', command: script('./launchers/daemon.cjs') })
  if (hasPeer('daemonize-process')) {
    all.push({ name: 'daemonize-process', command: script('./launchers/daemonize-process.mjs') })
  }
  if (says('setsid -f', 'setsid', ['-f', 'true']) !== null) {
    all.push({ name: 'setsid -f', command: (options) => ['setsid', '-f', process.execPath, ...options, app] })
  }
  // The interpreter itself, because a version manager may put a slow shell script before it.
  const python = says('python-daemon', 'python3', [
    '-c',
    'from daemon import DaemonContext; import sys; print(sys.executable)',
  ])
  if (python !== null) {
    const launcher = [python.trim(), file('./launchers/python-daemon.py')]
    all.push({ name: 'python-daemon', command: (options) => [...launcher, process.execPath, ...options, app] })
  }
  return all
}

/** Returns the output of a program that needs a contender, or null if the contender is missing. */
function says(name, program, args) {
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8' })
  if (status === 0) return stdout
  console.log(`SKIPPED, NOT MEASURED: ${name} is missing`)
  return null
}
