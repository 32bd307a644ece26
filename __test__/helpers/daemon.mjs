// Daemons under test: a real launcher starts them, and the test kills them when it is over.

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

/** Returns the report that a daemon wrote to its log before it was ready, and the lines after it. */
export function factsFrom(context, log) {
  const lines = fs.readFileSync(log, 'utf8').trim().split('\n')
  // Node.js may have written warnings before.
  const first = lines.findIndex((line) => line.startsWith('{"pid"'))
  const facts = JSON.parse(lines[first])
  context.after(() => end(facts.pid))
  return { facts, more: lines.slice(first + 1) }
}

/**
 * Launches fixtures/daemon.cjs with `options`; its output goes to a log by default. Returns the end of the launcher and, if
 * its exit code is 0, the report of the daemon.
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
  const { code, stdout, stderr } = await runScript(fixture('report-failure.cjs'), [settings, behaviour], more)
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout)
}

/** The JSON on the first line of a file, or undefined while that line is not complete. */
export const firstLine = (file) => {
  const [line, rest] = fs.readFileSync(file, 'utf8').split('\n')
  return rest === undefined ? undefined : JSON.parse(line)
}
