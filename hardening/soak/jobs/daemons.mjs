// Daemons of spawnDaemon(), with pid files.

import assert from 'node:assert/strict'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { until } from '../../../__test__/helpers/until.mjs'
import { daemonStatus, spawnDaemon, stopDaemon } from '../../../index.js'

const NOTIFIES = fileURLToPath(new URL('../programs/notifies.cjs', import.meta.url))

export function daemons({ tally, fosters, directory }) {
  async function runs(name, file, args, options) {
    const pidFile = path.join(directory, name)
    const { pid } = await tally.awaited('daemons started', spawnDaemon(file, args, { ...options, pidFile }))
    assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
    await tally.awaited(
      'starts refused',
      assert.rejects(spawnDaemon('true', [], { pidFile }), { code: 'ERR_PROCNATIVE_ALREADY_RUNNING', pid }),
    )
    assert.deepEqual(await tally.awaited('daemons stopped', stopDaemon(pidFile)), { pid, killed: false })
    await fosters.ended(pid, { signal: 'SIGTERM' })
    // The lock outlives the daemon for a moment: until its exec, another starting daemon has copies of all descriptors of this
    // process, including the lock.
    await until(() => !daemonStatus(pidFile).running, 'the lock is free')
  }
  return {
    round: () =>
      Promise.all([
        runs('a.pid', 'sleep', ['1000']),
        runs('b.pid', 'sleep', ['1000']),
        runs('notifies.pid', process.execPath, [NOTIFIES], { ready: 'notify' }),
      ]),
  }
}
