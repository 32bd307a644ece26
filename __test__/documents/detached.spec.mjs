// examples/detached: a child that outlives its parent.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { end } from '../helpers/daemon.mjs'
import { example } from '../helpers/example.mjs'
import { foster } from '../helpers/foster.mjs'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { isAlive, stat } from '../helpers/proc.mjs'

const onlyNode = needs('Node.js', isNode)

/** Starts parent.js, which runs until its input ends. */
async function started(t, options) {
  const program = example(t, 'detached/parent.js', [], options)
  const child = Number((await program.says(/^(\d+)$/m))[1])
  t.after(() => end(child))
  return { program, parent: program.child.pid, child }
}

test('examples/detached: the child leads a session and outlives its parent', onlyNode, async (t) => {
  const { program, parent, child } = await started(t)
  const leads = { pgrp: child, session: child, tty: 0 }
  const { state: _, ...before } = stat(child)
  assert.deepEqual(before, { ppid: parent, ...leads })
  assert.notEqual(stat(parent).session, child)

  program.child.stdin.end()
  const { code, stderr } = await program.ended()
  assert.equal(code, 0, stderr)
  assert.equal(isAlive(parent), false)
  assert.ok(isAlive(child))
  const { state, ...after } = stat(child)
  assert.deepEqual(after, { ppid: foster(t), ...leads })
})

test('examples/detached: SIGINT to the parent’s group spares the child', onlyNode, async (t) => {
  const { program, parent, child } = await started(t, { detached: true })
  assert.equal(stat(parent).pgrp, parent)
  const exit = once(program.child, 'exit')
  process.kill(-parent, 'SIGINT')
  assert.deepEqual(await exit, [null, 'SIGINT'])
  assert.equal(stat(child).ppid, foster(t))
  assert.ok(isAlive(child))
})

test('examples/detached: shows the child with its parent and without, stops it', onlyNode, async (t) => {
  const program = example(t, 'detached')
  await program.says(/The parent has ended.*\n.*\n.*\n.*\n/)
  const row = /^ *(?<pid>\d+) +(?<ppid>\d+) +(?<group>\d+) +(?<session>\d+) /gm
  const [, before, , after] = program.all(row).map(({ groups }) => groups)
  const child = Number(after.pid)
  t.after(() => end(child))
  assert.deepEqual({ ...before }, { ...after, ppid: before.ppid })
  assert.equal(after.session, after.pid)
  assert.equal(after.group, after.pid)
  assert.equal(isAlive(Number(before.ppid)), false)
  assert.equal(Number(after.ppid), foster(t))
  assert.equal(stat(child).ppid, Number(after.ppid))

  program.child.stdin.end()
  const { code, stderr } = await program.ended()
  assert.equal(code, 0, stderr)
  assert.equal(isAlive(child), false)
})
