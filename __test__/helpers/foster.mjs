// The process that adopts orphans.

import { spawnSync } from 'node:child_process'
import { end } from './daemon.mjs'
import { stat } from './proc.mjs'

/** Returns the pid of the process that adopts orphans of this process: init, or a nearer subreaper. */
export function foster(t) {
  const { stdout } = spawnSync('sh', ['-c', 'sleep 1000 >/dev/null 2>&1 & echo $!'], { encoding: 'utf8' })
  const orphan = Number(stdout)
  t.after(() => end(orphan))
  return stat(orphan).ppid
}
