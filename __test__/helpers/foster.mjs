// Whose children orphans become.

import { spawnSync } from 'node:child_process'
import { end } from './daemon.mjs'
import { stat } from './proc.mjs'

/** The pid of who adopts this machine's orphans: of init, or of a nearer subreaper. */
export function foster(t) {
  const { stdout } = spawnSync('sh', ['-c', 'sleep 1000 >/dev/null 2>&1 & echo $!'], { encoding: 'utf8' })
  const orphan = Number(stdout)
  t.after(() => end(orphan))
  return stat(orphan).ppid
}
