// Daemons of spawnDaemon(), which end with the test.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { spawnDaemon } from '../../index.js'
import { end } from './daemon.mjs'
import { temporary } from './harness.mjs'
import { descriptors, isAlive, startedWith } from './proc.mjs'
import { reports } from './report.mjs'
import { fixture, run } from './run.mjs'
import { until } from './until.mjs'

export const PYTHON = '/usr/bin/python3'

/** Starts a daemon that stays; returns its pid. */
export async function spawned(context, file, args = [], options = {}) {
  const { pid } = await spawnDaemon(file, args, options)
  context.after(() => end(pid))
  // spawnDaemon() resolves at the exec. /proc shows the new arguments an instant later.
  await until(() => !isAlive(pid) || commandOf(pid).length > 0, `${pid} has its arguments`)
  return pid
}

/** Returns the error of a promise that must reject. */
export const rejection = (promise) =>
  promise.then(
    (value) => {
      throw new Error(`the promise resolved with ${JSON.stringify(value)}, but must reject`)
    },
    (error) => error,
  )

/** Returns the environment that a process was started with, which must not be empty. */
export async function environmentOf(pid) {
  const text = await until(() => fs.readFileSync(`/proc/${pid}/environ`, 'utf8'), `${pid} has an environment`)
  const variables = text.split('\0').filter(Boolean)
  return Object.fromEntries(variables.map((variable) => variable.split(/=(.*)/s).slice(0, 2)))
}

/** Returns the arguments that a process was started with, its name first. */
export const commandOf = (pid) => fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1)

/** Waits until exactly these descriptors are open in a process. While it starts, it also opens libraries. */
export const hasOpen = (pid, expected) =>
  until(
    () => JSON.stringify(descriptors(pid)) === JSON.stringify(expected),
    `${pid} has open ${JSON.stringify(expected)}`,
  )

/**
 * Starts fixtures/notify-in-steps.py as a daemon that takes these steps and must send READY=1. Returns the promise of
 * spawnDaemon() and the reports of the daemon. The daemon ends with the test.
 */
export function notifier(context, steps, options = {}) {
  const log = path.join(temporary(context), 'log')
  fs.writeFileSync(log, '')
  const args = [fixture('notify-in-steps.py'), ...steps]
  const started = spawnDaemon(PYTHON, args, { ready: 'notify', stdio: ['ignore', log, log], ...options })
  // The test awaits the promise later.
  started.catch(() => {})
  const said = () =>
    fs
      .readFileSync(log, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line))
  context.after(async () => {
    // Kills the daemon also after a failed start, but no daemon of a test suite that runs at the same time.
    const ours = startedWith('PROCNATIVE_TEST', process.env.PROCNATIVE_TEST)
    const pids = ours.filter((pid) => commandIncludes(pid, args))
    for (const pid of pids) await end(pid)
  })
  return { started, log, said, told: (count) => until(() => said()[count - 1], `it tells ${count} things`) }
}

function commandIncludes(pid, args) {
  try {
    const command = commandOf(pid)
    return JSON.stringify(command.slice(1)) === JSON.stringify(args)
  } catch {
    // The process has ended meanwhile.
    return false
  }
}

/** Calls spawnDaemon() in another process, which ends; returns its reports. */
export async function startElsewhere(context, calls, { prefix = [], ...options } = {}) {
  const [program, ...args] = [...prefix, process.execPath, fixture('spawn-daemons.mjs'), JSON.stringify(calls)]
  const { stdout, stderr, code } = await run(program, args, options).ended
  const outcomes = reports(stdout)
  for (const { pid } of outcomes) if (pid) context.after(() => end(pid))
  assert.equal(code, 0, stderr)
  return outcomes
}
