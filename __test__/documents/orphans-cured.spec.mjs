// examples/orphans-cured: a daemon that dies leaves its children to init. Three calls prevent that.

import assert from 'node:assert/strict'
import { example } from '../helpers/example.mjs'
import { foster } from '../helpers/foster.mjs'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { isAlive, stat } from '../helpers/proc.mjs'

const NODE = needs('Node.js', isNode)

// Runs of the example, with the number of Enter keys before each: two for every earlier run.
const RUNS = {
  'Without a cure': 0,
  'setParentDeathSignal\\(': 2,
  'spawn\\(': 4,
  'setChildSubreaper\\(': 6,
}

/** Starts the example and skips to one of its runs, where a master has a worker. */
async function run(t, title) {
  const { child, says, ended } = example(t, 'orphans-cured')
  child.stdin.write('\n'.repeat(RUNS[title]))
  const rows = new RegExp(`^${title}[\\s\\S]*? (\\d+) .*master\\.js.*\\n +(\\d+) .*worker\\.js`, 'm')
  const [master, worker] = (await says(rows)).slice(1).map(Number)
  assert.deepEqual([stat(master).ppid, stat(worker).ppid, isAlive(worker)], [child.pid, master, true])
  return {
    manager: child.pid,
    master,
    worker,
    /** Presses Enter and waits for output that matches. */
    enter(pattern) {
      child.stdin.write('\n')
      return says(pattern)
    },
    async finish() {
      child.stdin.end()
      const { code, stderr } = await ended()
      assert.deepEqual([code, stderr], [0, ''])
    },
  }
}

test('examples/orphans-cured: the worker of a killed master becomes init’s child', NODE, async (t) => {
  const { manager, master, worker, enter, finish } = await run(t, 'Without a cure')
  await enter(new RegExp(`master ${master} was killed\\n.*\\n +${worker} .*worker\\.js`))
  assert.equal(stat(master), null)
  assert.equal(isAlive(worker), true)
  assert.equal(stat(worker).ppid, foster(t))
  assert.notEqual(stat(worker).ppid, manager)
  await finish()
  assert.equal(isAlive(worker), false)
})

for (const [what, title] of [
  ['setParentDeathSignal()', 'setParentDeathSignal\\('],
  ['spawn({ parentDeathSignal })', 'spawn\\('],
]) {
  test(`examples/orphans-cured: the worker ends with its master, by ${what}`, NODE, async (t) => {
    const { master, worker, enter, finish } = await run(t, title)
    // The input of the worker is still open, so its end is not the reason.
    await enter(new RegExp(`master ${master} was killed\\nworker ${worker} has ended`))
    assert.equal(stat(master), null)
    assert.equal(isAlive(worker), false)
    await finish()
  })
}

test('examples/orphans-cured: a subreaper adopts, reaps and replaces the worker', NODE, async (t) => {
  const { manager, master, worker, enter, finish } = await run(t, 'setChildSubreaper\\(')
  await enter(new RegExp(`master ${master} was killed\\n.*\\n.*\\n +${worker} .*worker\\.js`))
  assert.equal(stat(master), null)
  assert.deepEqual([isAlive(worker), stat(worker).ppid], [true, manager])

  const another = new RegExp(`orphan ${worker} has ended, by SIGKILL.*\\n.*\\n.*\\n +(\\d+) .*worker\\.js`)
  const next = Number((await enter(another))[1])
  // The subreaper reaped the worker: not even a zombie is left.
  assert.equal(stat(worker), null)
  assert.deepEqual([isAlive(next), stat(next).ppid], [true, manager])
  await finish()
})
