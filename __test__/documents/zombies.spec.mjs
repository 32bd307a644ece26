// examples/zombies: children that ended, and whose parent has not waited for them yet.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import { example } from '../helpers/example.mjs'
import { isRoot, test } from '../helpers/harness.mjs'
import { stat, status } from '../helpers/proc.mjs'

/** Checks that a process is a zombie of `ppid`, with a pid and no other resource. */
function assertZombie(pid, ppid) {
  assert.equal(stat(pid).state, 'Z')
  assert.equal(stat(pid).ppid, ppid)
  assert.equal(status(pid, 'VmSize'), null)
  assert.equal(process.kill(pid, 0), true)
  // Only root may list the descriptors of a zombie.
  if (isRoot) assert.deepEqual(fs.readdirSync(`/proc/${pid}/fd`), [])
}

function assertGone(pid) {
  assert.equal(stat(pid), null)
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
}

const enter = ({ child }) => child.stdin.write('\n')

test('examples/zombies: a zombie keeps only its pid, until waitpid()', async (t) => {
  const demonstration = example(t, 'zombies')
  const { child, says, ended } = demonstration
  const zombie = Number((await says(/^zombie: (\d+); its parent \d+ does not wait$/m))[1])
  await says(/^SIGKILL: its state is Z all the same$/m)
  assertZombie(zombie, child.pid)
  assert.notEqual(status(child.pid, 'VmSize'), null)

  enter(demonstration)
  await says(/^waitpid\(\): exit code 7, .*\ngone: true$/m)
  assertGone(zombie)

  child.stdin.end()
  const { code, stderr } = await ended()
  assert.equal(code, 0, stderr)
})

test('examples/zombies: a subreaper reaps the zombie of a dead parent', async (t) => {
  const demonstration = example(t, 'zombies')
  const { child, says, ended } = demonstration
  for (let times = 0; times < 2; times++) enter(demonstration)
  const [, zombie, parent] = (await says(/^zombie: (\d+); its parent (\d+) never waits\n.*\n.*\n.*\n.*\n/m)).map(Number)
  assertZombie(zombie, parent)
  assert.equal(stat(parent).ppid, child.pid)
  assert.notEqual(stat(parent).state, 'Z')

  enter(demonstration)
  await says(new RegExp(`^orphaned: ${zombie}; its parent is ${child.pid} now\\n.*\\n.*\\n.*\\n`, 'm'))
  assertGone(parent)
  assertZombie(zombie, child.pid)

  enter(demonstration)
  const { code, stdout, stderr } = await ended()
  assert.equal(code, 0, stderr)
  assert.match(stdout, new RegExp(`^reapOrphans\\(\\): ${zombie}, exit code 8\\ngone: true$`, 'm'))
  assertGone(zombie)
})
