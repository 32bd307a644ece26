// examples/setsid: setsid() makes a session and a group, and gives up the terminal.

import assert from 'node:assert/strict'
import { example } from '../helpers/example.mjs'
import { hasProgram, isNode, needs, test } from '../helpers/harness.mjs'
import { stat } from '../helpers/proc.mjs'
import { fixture } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

/** Returns group, session and terminal of a process. */
const place = (pid) => {
  const { pgrp, session, tty } = stat(pid)
  return { pgrp, session, tty }
}

/** Waits for the table number `times`. Returns its parent, its child and the answers about the child. */
async function shown({ all, output }, times) {
  const about = /^ *(\d+) .*main\.js\s+(\d+) .*child\.js\s+([\s\S]*?terminal +\S+)/gm
  const [, parent, child, facts] = (
    await until(() => all(about).length === times && all(about), `${times} tables\n${output.stdout}`)
  ).at(-1)
  const answers = [...facts.matchAll(/ {2,}(\S+)/g)].map(([, answer]) => answer)
  return { parent: Number(parent), child: Number(child), answers }
}

const TERMINAL = needs('Node.js, python3', isNode && hasProgram('python3'))

test('examples/setsid: new session, new group, no terminal; EPERM for a leader', TERMINAL, async (t) => {
  const it = example(t, 'setsid', [], { prefix: ['python3', fixture('run-at-terminal.py')] })
  const enter = () => it.child.stdin.write('\n')

  const { parent, child, answers: before } = await shown(it, 1)
  const terminal = place(parent)
  assert.notEqual(terminal.tty, 0)
  assert.deepEqual(place(child), terminal)
  assert.equal(stat(child).ppid, parent)
  assert.deepEqual(before.slice(0, 2), ['no', 'no'])
  assert.match(before[2], /^pts\/\d+$/)

  enter()
  const { answers: after } = await shown(it, 2)
  assert.deepEqual(place(child), { pgrp: child, session: child, tty: 0 })
  assert.deepEqual(after, ['yes', 'yes', '?'])
  await it.says(new RegExp(`setsid\\(\\) returns ${child}\\b`))

  enter()
  const { child: leader } = await shown(it, 3)
  assert.notEqual(leader, child)
  const led = { ...terminal, pgrp: leader }
  assert.deepEqual(place(leader), led)

  enter()
  const { answers: unchanged } = await shown(it, 4)
  await it.says(/setsid\(\) throws EPERM: operation not permitted, setsid/)
  assert.deepEqual(place(leader), led)
  assert.deepEqual(unchanged, ['no', 'yes', before[2]])

  enter()
  const { stderr } = await it.ended()
  assert.equal(stderr, `${parent} ended: 0\n`)
})

test('examples/setsid: new session and group, no terminal before', needs('Node.js', isNode), async (t) => {
  const it = example(t, 'setsid', [], { detached: true })
  const { child } = await shown(it, 1)
  assert.deepEqual(place(child), { pgrp: it.child.pid, session: it.child.pid, tty: 0 })
  it.child.stdin.write('\n')
  await shown(it, 2)
  assert.deepEqual(place(child), { pgrp: child, session: child, tty: 0 })
  it.child.stdin.end()
  const { code, stdout, stderr } = await it.ended()
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /throws EPERM/)
})
