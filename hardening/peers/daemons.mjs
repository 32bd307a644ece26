// A daemon in the booted machine, started by another program.

import assert from 'node:assert/strict'
import { until } from '../../__test__/helpers/until.mjs'

/** Checks that the pid file names a real daemon and that it answers; returns its pid. */
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

/** Ends a daemon by SIGTERM. The daemon must remove its pid file. */
export async function endDaemon(machine, pid, pidFile = '/run/app.pid') {
  await machine.output('kill', [pid])
  await until(() => !machine.isAlive(pid), 'the daemon has ended')
  assert.ok(!machine.exists(pidFile), `${pidFile} is left`)
}
