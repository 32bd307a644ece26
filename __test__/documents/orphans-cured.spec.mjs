// Of 004: a daemon that dies leaves its children to init, which one does not want; and what can be done about it.

import assert from 'node:assert/strict'
import { example } from '../helpers/example.mjs'
import { foster } from '../helpers/foster.mjs'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { isAlive, stat } from '../helpers/proc.mjs'

const NODE = needs('Node.js', isNode)

// Enter is pressed twice in each run but the last.
const RUNS = {
  'Without a cure': 0,
  'setParentDeathSignal\\(': 2,
  'spawn\\(': 4,
  'setChildSubreaper\\(': 6,
}

/** One of the example's runs, where it has a master with a worker. */
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
    /** Presses Enter and waits for what comes of it. */
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

test(
  '004: the worker of a master that dies goes on, as a child of init, whom nobody of ours waits for',
  NODE,
  async (t) => {
    const { manager, master, worker, enter, finish } = await run(t, 'Without a cure')
    await enter(new RegExp(`master ${master} was killed\\n.*\\n +${worker} .*worker\\.js`))
    assert.equal(stat(master), null)
    assert.equal(isAlive(worker), true)
    assert.equal(stat(worker).ppid, foster(t))
    assert.notEqual(stat(worker).ppid, manager)
    await finish()
    assert.equal(isAlive(worker), false)
  },
)

for (const [what, title] of [
  ['setParentDeathSignal() in the worker', 'setParentDeathSignal\\('],
  ['parentDeathSignal of the spawn() that starts it', 'spawn\\('],
]) {
  test(`004: with ${what}, the worker ends when its master is killed`, NODE, async (t) => {
    const { master, worker, enter, finish } = await run(t, title)
    // Its input is still open: of that it can't have ended.
    await enter(new RegExp(`master ${master} was killed\\nworker ${worker} has ended`))
    assert.equal(stat(master), null)
    assert.equal(isAlive(worker), false)
    await finish()
  })
}

test(
  '004: under a subreaper, the worker becomes its child; it hears of its end and starts another',
  NODE,
  async (t) => {
    const { manager, master, worker, enter, finish } = await run(t, 'setChildSubreaper\\(')
    await enter(new RegExp(`master ${master} was killed\\n.*\\n.*\\n +${worker} .*worker\\.js`))
    assert.equal(stat(master), null)
    assert.deepEqual([isAlive(worker), stat(worker).ppid], [true, manager])

    const another = new RegExp(`orphan ${worker} has ended, by SIGKILL.*\\n.*\\n.*\\n +(\\d+) .*worker\\.js`)
    const next = Number((await enter(another))[1])
    // Reaped: not even a zombie is left.
    assert.equal(stat(worker), null)
    assert.deepEqual([isAlive(next), stat(next).ppid], [true, manager])
    await finish()
  },
)
