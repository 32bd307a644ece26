// Daemons of daemonize(), with pid files.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { daemonStatus, stopDaemon } from '../../../index.js'

const DAEMON = fileURLToPath(new URL('../programs/daemon.cjs', import.meta.url))

export function launches({ tally, fosters, directory }) {
  const pidFile = path.join(directory, 'launched.pid')
  return {
    async round() {
      const launcher = spawn(process.execPath, [DAEMON, pidFile], { stdio: ['ignore', 'ignore', 'inherit'] })
      assert.deepEqual(await tally.awaited("'exit' events", once(launcher, 'exit')), [0, null])
      tally.out('daemons started')
      const { running, pid } = daemonStatus(pidFile)
      assert.equal(running, true)
      tally.came('daemons started')
      assert.deepEqual(await tally.awaited('daemons stopped', stopDaemon(pidFile)), { pid, killed: false })
      // The daemon ends by itself, and removes its pid file.
      await fosters.ended(pid, { exitCode: 0 })
      assert.deepEqual(daemonStatus(pidFile), { running: false, pid: null })
    },
  }
}
