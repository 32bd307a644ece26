// examples/pipe: the output of a worker reaches its parent, or another worker, only through a pipe.

import assert from 'node:assert/strict'
import { example } from '../helpers/example.mjs'
import { test } from '../helpers/harness.mjs'
import { descriptors, stat } from '../helpers/proc.mjs'

test('examples/pipe: a worker is heard only through a pipe', async (t) => {
  const { child, ended } = example(t, 'pipe')
  child.stdin.end()
  const { code, stdout, stderr } = await ended()
  assert.equal(code, 0, stderr)

  const said = (pid) => stdout.includes(`I am worker, PID: ${pid}\n`)
  const [silent, heard] = ['not connected', 'connected'].map((how) => {
    const [, parent, worker] = stdout.match(new RegExp(`^${how}: I am (\\d+), my worker is (\\d+)$`, 'm'))
    assert.equal(Number(parent), child.pid)
    return worker
  })
  assert.match(stdout, /^it exited with 0, and its output is lost$/m)
  assert.ok(!said(silent))
  assert.ok(said(heard))
})

test('examples/pipe: two workers share one pipe, the parent holds no end', async (t) => {
  const { child, says, ended } = example(t, 'pipe')
  const [first, second] = (await says(/^joined: (\d+) \| (\d+)$/m)).slice(1).map(Number)
  for (const pid of [first, second]) assert.equal(stat(pid).ppid, child.pid)

  const joint = descriptors(first)[1]
  assert.match(joint, /^pipe:\[\d+\]$/)
  assert.equal(descriptors(second)[0], joint)
  assert.ok(!Object.values(descriptors(child.pid)).includes(joint))
  // The first worker has the input of the parent, the second worker its output.
  assert.equal(descriptors(first)[0], descriptors(child.pid)[0])
  assert.equal(descriptors(second)[1], descriptors(child.pid)[1])

  await says(new RegExp(`^${second}: I am worker, PID: ${first}$`, 'm'))
  child.stdin.write('a line\n')
  await says(new RegExp(`^${second}: ${first}: a line$`, 'm'))

  child.stdin.end()
  const { code, stdout, stderr } = await ended()
  assert.equal(code, 0, stderr)
  for (const pid of [first, second]) {
    assert.match(stdout, new RegExp(`^${pid} exited with 0$`, 'm'))
    assert.equal(stat(pid), null)
  }
})
