// Daemons under test: started by a real launcher, killed when the test is over.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { temporary } from './harness.mjs'
import { isAlive } from './proc.mjs'
import { fixture, run, runScript } from './run.mjs'
import { until } from './until.mjs'

/** Kills a process that the test started and waits until it is gone. */
export async function end(pid, signal = 'SIGKILL') {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
  await until(() => !isAlive(pid), `${pid} is gone`)
}

/** What the daemon of a launcher that ended with 0 says of itself: it wrote that before it was ready. */
export function factsFrom(context, log) {
  const lines = fs.readFileSync(log, 'utf8').trim().split('\n')
  // Node may have had something to say before.
  const first = lines.findIndex((line) => line.startsWith('{"pid"'))
  const facts = JSON.parse(lines[first])
  context.after(() => end(facts.pid))
  return { facts, more: lines.slice(first + 1) }
}

/**
 * Launches fixtures/daemon.cjs with `options`, its output going to a log unless these say otherwise. Returns how the
 * launcher ended and, where that is with 0, what the daemon says of itself.
 */
export async function launch(context, options = {}, { behaviour = 'stay', node = process.execPath, ...more } = {}) {
  const log = path.join(temporary(context), 'log')
  const { execArgv = [], ...spawnOptions } = more
  const args = [...execArgv, fixture('daemon.cjs'), JSON.stringify({ stdout: log, ...options }), behaviour]
  const result = await run(node, args, spawnOptions).ended
  return { ...result, log, ...(result.code === 0 ? factsFrom(context, log) : {}) }
}

/** Launches a daemon whose start fails; returns the error that daemonize() threw in the launcher. */
export async function failure(context, options, behaviour, more = {}) {
  const log = path.join(temporary(context), 'log')
  const settings = JSON.stringify({ stdout: log, ...options })
  const { code, stdout, stderr } = await runScript(fixture('catcher.cjs'), [settings, behaviour], more)
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout)
}

/** The JSON on the first line of a file, or undefined while that line is not complete. */
export const firstLine = (file) => {
  const [line, rest] = fs.readFileSync(file, 'utf8').split('\n')
  return rest === undefined ? undefined : JSON.parse(line)
}
