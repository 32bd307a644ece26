// A daemon in the booted machine that something else has started.

import assert from 'node:assert/strict'
import { until } from './until.mjs'

/** Checks that the daemon of a pid file is one, and that it answers; returns its pid. */
export async function checkDaemon(machine, pidFile = '/run/app.pid', port = 8080) {
  const pid = machine.pidIn(pidFile)
  assert.ok(machine.isAlive(pid), `${pidFile} names ${pid}`)
  assert.equal(await machine.answer(port), `Hello from ${pid}`)
  const { session, tty } = machine.statOf(pid)
  assert.equal(tty, 0)
  assert.notEqual(session, pid)
  assert.deepEqual(
    machine.openIn(pid).filter((file) => /\/dev\/(pts|ptmx|tty)/.test(file)),
    [],
  )
  return pid
}

/** Ends a daemon by SIGTERM, at which it removes its pid file. */
export async function endDaemon(machine, pid, pidFile = '/run/app.pid') {
  await machine.output('kill', [pid])
  await until('the daemon has ended', () => !machine.isAlive(pid))
  assert.ok(!machine.exists(pidFile), `${pidFile} is left`)
}
