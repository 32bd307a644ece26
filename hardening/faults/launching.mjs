// Daemons of scenarios.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isAlive } from '../../__test__/helpers/proc.mjs'
import { eventually } from '../../__test__/helpers/until.mjs'
import { Consequence } from './told.mjs'

const program = fileURLToPath(new URL('programs/daemon.mjs', import.meta.url))

/** Launches programs/daemon.mjs. When the launcher has succeeded, the files of the daemon exist. */
export async function launched(options, way = '', prefix = [], env = {}) {
  const [file, ...args] = [...prefix, process.execPath, program, JSON.stringify(options), way]
  const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'inherit', 'inherit'] })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Consequence('the launcher has failed')
}

/** Removes logs with content. A daemon that runs owns its logs, so they are not left behind. */
export function removeLogs(...logs) {
  for (const log of logs) if (fs.existsSync(log) && fs.statSync(log).size > 0) fs.rmSync(log)
}

/** Returns the pid in a pid file. */
export function named(pidFile) {
  const pid = fs.existsSync(pidFile) ? Number.parseInt(fs.readFileSync(pidFile, 'utf8'), 10) : Number.NaN
  if (Number.isNaN(pid)) throw new Consequence('there is no daemon')
  return pid
}

/** Kills a daemon in any state. */
export async function end(pid) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
  await eventually(() => !isAlive(pid))
}
