// Reaped orphans, and a protected process.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { children, descriptors, stat } from '../../../__test__/helpers/proc.mjs'
import { eventually } from '../../../__test__/helpers/until.mjs'
import { isChildSubreaper, protect, reapOrphans, setChildSubreaper, waitpid } from '../../../index.js'

export default async function orphans({ after }) {
  // No process may be left, also if the scenario fails.
  after(async () => {
    for (const pid of children()) process.kill(pid, 'SIGKILL')
    for (const pid of children()) waitpid(pid, { force: true })
  })
  after(() => setChildSubreaper(false))
  setChildSubreaper(true)
  assert.equal(isChildSubreaper(), true)
  const orphan = () => {
    const { stdout } = spawnSync('sh', ['-c', 'sleep 1000 >/dev/null 2>&1 & echo $!'], { encoding: 'utf8' })
    return Number(stdout)
  }
  const [heard, spared] = [[], orphan()]
  const reaping = reapOrphans((status) => heard.push(status))
  after(() => reaping.stop())
  protect(spared)
  const pid = orphan()
  process.kill(spared, 'SIGKILL')
  process.kill(pid, 'SIGTERM')
  assert.ok(await eventually(() => heard.length > 0), 'the orphan is reaped')
  assert.deepEqual(
    heard.map((one) => [one.pid, one.signal]),
    [[pid, 'SIGTERM']],
  )
  assert.equal(stat(spared).state, 'Z')
  waitpid(spared)
  // procnative forgets the protected process at its next look at the children.
  process.emit('SIGCHLD')
  await eventually(() => Object.values(descriptors()).every((what) => what !== 'anon_inode:[pidfd]'))
}
