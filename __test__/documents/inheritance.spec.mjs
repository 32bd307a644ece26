// examples/inheritance: the attributes that a child inherits, and those that it does not.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import { example } from '../helpers/example.mjs'
import { isNode, isRoot, needs, test } from '../helpers/harness.mjs'
import { descriptors, isAlive, stat, status } from '../helpers/proc.mjs'
import { environmentOf } from '../helpers/spawned.mjs'

const onlyNode = needs('Node.js', isNode)

/** Starts the example, which runs until its input ends. Returns the columns of its table. */
async function inherited(t) {
  const program = example(t, 'inheritance')
  await program.says(/\d+ runs as user|not as another user/)
  const [names, ...rows] = program.output.stdout
    .split('\n\n')[0]
    .split('\n')
    .map((line) => line.split(/ {2,}/))
  const column = (at) => Object.fromEntries(rows.map((cells) => [cells[0], cells[at]]))
  const columns = Object.fromEntries(names.slice(1).map((name, at) => [name, column(at + 1)]))
  assert.deepEqual(Object.keys(columns), ['parent', 'a child', 'by options', 'daemonize()', 'spawnDaemon()'])
  const pids = Object.values(columns).map(({ pid }) => Number(pid))
  assert.equal(pids[0], program.child.pid)
  for (const pid of pids) assert.ok(isAlive(pid))
  const ends = async () => {
    program.child.stdin.end()
    const { code, stderr } = await program.ended()
    assert.equal(code, 0, stderr)
    for (const pid of pids) assert.equal(isAlive(pid), false)
  }
  return { program, columns, pids, ends }
}

const cwdOf = (pid) => fs.readlinkSync(`/proc/${pid}/cwd`)
const groupAndSession = (pid) => [stat(pid).pgrp, stat(pid).session]

test('examples/inheritance: a child inherits process attributes, but no memory', onlyNode, async (t) => {
  const { columns, pids, ends } = await inherited(t)
  const [parent, child] = pids
  assert.equal((await environmentOf(child)).FROM, 'parent')
  assert.equal(cwdOf(child), cwdOf(parent))
  assert.notEqual(cwdOf(child), process.cwd())
  assert.equal(status(child, 'Umask'), '0027')
  assert.deepEqual(groupAndSession(child), groupAndSession(parent))
  assert.equal(status(child, 'Uid'), status(parent, 'Uid'))
  // The child itself reports the same values.
  for (const row of ['variable', 'cwd', 'umask', 'group', 'session', 'user']) {
    assert.equal(columns['a child'][row], columns.parent[row])
  }
  // Every other process has the variable with the value that is written in the program.
  const [ofParent, ...others] = Object.values(columns).map(({ memory }) => memory)
  assert.equal(ofParent, 'changed')
  assert.deepEqual(others, Array(4).fill('as written'))
  await ends()
})

test('examples/inheritance: options override inherited attributes, daemons have their own', onlyNode, async (t) => {
  const { pids, program, ends } = await inherited(t)
  const [, , byOptions, ...daemons] = pids
  assert.equal((await environmentOf(byOptions)).FROM, 'options')
  assert.equal(cwdOf(byOptions), '/')
  assert.equal(status(byOptions, 'Umask'), '0077')
  assert.deepEqual(groupAndSession(byOptions), [byOptions, byOptions])

  for (const daemon of daemons) {
    assert.equal((await environmentOf(daemon)).FROM, 'parent')
    assert.equal(cwdOf(daemon), '/')
    assert.equal(status(daemon, 'Umask'), '0022')
    const [group, session] = groupAndSession(daemon)
    assert.equal(group, session)
    assert.notEqual(session, daemon)
    assert.equal(stat(session), null)
  }

  const other = program.output.stdout.match(/(\d+) runs as user (\d+)/)
  if (other) assert.equal(status(other[1], 'Uid'), Array(4).fill(other[2]).join('\t'))
  else assert.match(program.output.stdout, /not as another user: (EPERM|EINVAL): .*, set(groups|[ug]id)/)
  if (isRoot) assert.notEqual(other?.[2], '0')
  await ends()
})

test('examples/inheritance: a child has only the named descriptors, offset shared', onlyNode, async (t) => {
  const { columns, pids, ends } = await inherited(t)
  const [parent, child, ...named] = pids
  const { descriptor: opened } = columns.parent
  const file = descriptors(parent)[opened]
  assert.match(file, /\/lines$/)

  // Descriptors of files that differ from process to process.
  const apart = (pid) =>
    Object.entries(descriptors(pid)).filter(([fd, what]) => fd > 2 && !/^anon_inode|^\/dev\/null/.test(what))
  const ofParent = apart(parent).map(([, what]) => what)
  assert.deepEqual(
    apart(child).filter(([, what]) => ofParent.includes(what)),
    [],
  )
  assert.equal(columns['a child'].descriptor, 'none')

  const offset = (pid, fd) => fs.readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8').match(/^pos:\t(\d+)$/m)[1]
  const places = named.map((pid) => {
    const all = Object.entries(descriptors(pid)).filter(([, what]) => what === file)
    assert.equal(all.length, 1)
    return [pid, all[0][0]]
  })
  assert.equal(places[0][1], '4')
  // The processes share one offset. Each read the next line: four lines of seven bytes.
  for (const [pid, fd] of [[parent, opened], ...places]) assert.equal(offset(pid, fd), '28')
  assert.deepEqual(
    Object.values(columns).map(({ reads }) => reads),
    ['line 1', 'nothing', 'line 2', 'line 3', 'line 4'],
  )
  await ends()
})
