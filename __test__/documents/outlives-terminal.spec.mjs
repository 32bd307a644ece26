// examples/outlives-terminal: only a child with its own session outlives its parent and its terminal.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { end } from '../helpers/daemon.mjs'
import { example } from '../helpers/example.mjs'
import { hasProgram, isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { isAlive, stat } from '../helpers/proc.mjs'
import { fixture } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const TERMINAL = needs('Node.js, python3', isNode && hasProgram('python3'))

/** Starts the example on its own terminal. `keeper`: the nearest subreaper, which adopts orphans in the place of init. */
async function onTerminal(t, args) {
  const directory = temporary(t)
  const prefix = ['python3', fixture('run-at-terminal.py')]
  const env = { ...process.env, DIRECTORY: directory }
  const { child: keeper, output, says } = example(t, 'outlives-terminal', args, { prefix, env })
  const [parent, child] = (await says(/I am (\d+), and my child is (\d+)/)).slice(1).map(Number)
  t.after(() => end(child))
  await says(/kill \d+/)
  return {
    parent,
    child,
    keeper: keeper.pid,
    close: () => keeper.stdin.end(),
    pressCtrlC: () => keeper.stdin.write('\x03'),
    row: (pid) =>
      output.stdout
        .match(new RegExp(`^ *${pid} .*`, 'm'))[0]
        .trim()
        .split(/ +/),
    log: () => fs.readFileSync(path.join(directory, 'log.txt'), 'utf8').split('\n').slice(0, -1),
    endOf: async (pid) =>
      (await until(() => output.stderr.match(new RegExp(`^${pid} ended: (\\w+)$`, 'm')), `the end of ${pid}`))[1],
  }
}

const ENDS = [
  ['terminal closed', 'close', 'SIGHUP'],
  ['Ctrl-C', 'pressCtrlC', 'SIGINT'],
]

for (const [what, cause, signal] of ENDS) {
  test(`examples/outlives-terminal: an ordinary child dies, ${what}`, TERMINAL, async (t) => {
    const it = await onTerminal(t, [])
    const [{ session, tty }, { ppid, ...child }] = [stat(it.parent), stat(it.child)]
    assert.notEqual(tty, 0)
    assert.deepEqual([ppid, child.session, child.tty], [it.parent, session, tty])
    const [, parents, , , terminal] = it.row(it.child)
    assert.equal(parents, String(it.parent))
    assert.match(terminal, /^pts\/\d+$/)
    assert.equal(it.log()[0], `I am ${it.child}, child of ${it.parent}, on terminal /dev/${terminal}`)

    it[cause]()
    assert.equal(await it.endOf(it.parent), signal)
    // The parent leads the session, so its end hangs up the terminal. SIGHUP may come before the SIGINT of Ctrl-C.
    assert.ok([signal, 'SIGHUP'].includes(await it.endOf(it.child)))
  })

  for (const [title, way] of [
    ['after setsid()', 'self'],
    ['of spawn({ session: true })', 'session'],
  ]) {
    test(`examples/outlives-terminal: a child ${title} lives on, ${what}`, TERMINAL, async (t) => {
      const it = await onTerminal(t, [way])
      const { ppid, pgrp, session, tty } = stat(it.child)
      assert.deepEqual([ppid, pgrp, session, tty], [it.parent, it.child, it.child, 0])
      assert.notEqual(stat(it.parent).tty, 0)
      assert.deepEqual(it.row(it.child).slice(1, 5), [it.parent, it.child, it.child, '?'].map(String))

      it[cause]()
      assert.equal(await it.endOf(it.parent), signal)
      assert.deepEqual([isAlive(it.child), stat(it.child).ppid, stat(it.child).tty], [true, it.keeper, 0])
      // Three lines with the new parent: at most one was being written when the parent ended.
      const orphaned = `I am ${it.child}, child of ${it.keeper}, on terminal ?`
      await until(() => it.log().filter((line) => line === orphaned).length >= 3, 'the log goes on')
      process.kill(it.child, 'SIGTERM')
      assert.equal(await it.endOf(it.child), 'SIGTERM')
    })
  }
}

test('examples/outlives-terminal: the parent stays until its child ends', needs('Node.js', isNode), async (t) => {
  const env = { ...process.env, DIRECTORY: temporary(t) }
  const { says, ended } = example(t, 'outlives-terminal', ['session'], { env })
  const [, child] = await says(/end b\.js by: kill (\d+)/)
  process.kill(Number(child), 'SIGTERM')
  const { code, stdout, stderr } = await ended()
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /^b\.js has ended: SIGTERM$/m)
})
