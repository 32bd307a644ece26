// Daemons of scenarios.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isAlive } from '../../__test__/helpers/proc.mjs'
import { eventually } from '../../__test__/helpers/until.mjs'
import { Consequence } from './told.mjs'

const program = fileURLToPath(new URL('programs/daemon.mjs', import.meta.url))

/** Has programs/daemon.mjs be launched. Whatever it has written is there, when its launcher has ended well. */
export async function launched(options, way = '', prefix = [], env = {}) {
  const [file, ...args] = [...prefix, process.execPath, program, JSON.stringify(options), way]
  const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'inherit', 'inherit'] })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Consequence('the launcher has failed')
}

/** Removes logs that a daemon has written to: they are its own from when it runs. */
export function removeLogs(...logs) {
  for (const log of logs) if (fs.existsSync(log) && fs.statSync(log).size > 0) fs.rmSync(log)
}

/** The daemon that a pid file names. */
export function named(pidFile) {
  const pid = fs.existsSync(pidFile) ? Number.parseInt(fs.readFileSync(pidFile, 'utf8'), 10) : Number.NaN
  if (Number.isNaN(pid)) throw new Consequence('there is no daemon')
  return pid
}

/** Ends a daemon, whatever it was told before. */
export async function end(pid) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
  await eventually(() => !isAlive(pid))
}
