// A daemon with a pid file, logs that it reopens, and a kept socket; daemonStatus() and stopDaemon().

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { eventually } from '../../../__test__/helpers/until.mjs'
import { daemonStatus, stopDaemon } from '../../../index.js'
import { end, launched, named, removeLogs } from '../launching.mjs'
import { Refusal } from '../told.mjs'

export default async function daemonize({ directory, after }) {
  const [stdout, stderr, pidFile] = ['stdout', 'stderr', 'pid'].map((name) => path.join(directory, name))
  after(() => removeLogs(stdout, stderr))
  await launched({ cwd: directory, umask: 0o77, stdout, stderr, pidFile, keep: [1], ready: 'manual' }, 'ready')
  const pid = named(pidFile)
  // A killed daemon leaves its pid file.
  after(() => fs.rmSync(pidFile, { force: true }))
  after(() => end(pid))
  const { running, pid: told } = daemonStatus(pidFile)
  if (!running || told !== pid) throw new Refusal(`${running}, ${told}`)
  process.kill(pid, 'SIGHUP')
  await eventually(() => fs.readFileSync(stdout, 'utf8').includes('reopened') || !fs.existsSync(pidFile))
  const stopped = await stopDaemon(pidFile)
  if (stopped === null) throw new Refusal('it does not run')
  assert.equal(stopped.pid, pid)
  assert.equal(daemonStatus(pidFile).running, false)
  assert.equal(fs.existsSync(pidFile), false)
}
