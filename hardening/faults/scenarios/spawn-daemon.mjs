// Programs as daemons: with a pid file, logs and sockets; ready at the exec, or by a notification.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { daemonStatus, listenUnix, spawnDaemon, stopDaemon } from '../../../index.js'
import { end, removeLogs } from '../launching.mjs'
import { Refusal } from '../told.mjs'

const service = fileURLToPath(new URL('../programs/service.mjs', import.meta.url))

export default async function spawnDaemons({ directory, after }) {
  const [log, pidFile, other] = ['log', 'pid', 'other'].map((name) => path.join(directory, name))
  const listening = listenUnix(`\0procnative-faults-${process.pid}`)
  after(() => listening.close())

  const plain = await spawnDaemon('sleep', ['1000'], { user: 'nobody', pidFile: other })
  after(() => fs.rmSync(other, { force: true }))
  after(() => end(plain.pid))
  await stopped(stopDaemon(other, { signal: 'SIGCONT', timeout: 100 }), plain.pid)

  after(() => removeLogs(log))
  const { pid } = await spawnDaemon(process.execPath, [service], {
    cwd: directory,
    stdio: ['ignore', log, log],
    pidFile,
    ready: 'notify',
    listen: { web: listening },
  })
  after(() => fs.rmSync(pidFile, { force: true }))
  after(() => end(pid))
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
  await stopped(stopDaemon(pidFile), pid)
}

async function stopped(stopping, pid) {
  const answer = await stopping
  if (answer === null) throw new Refusal('it does not run')
  assert.equal(answer.pid, pid)
}
