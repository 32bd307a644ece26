// examples/ipc-socketpair: a channel between a parent and its children, made of a socket pair.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { example } from '../helpers/example.mjs'
import { isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { descriptors, exe, isAlive, stat } from '../helpers/proc.mjs'
import { environmentOf } from '../helpers/spawned.mjs'
import { until } from '../helpers/until.mjs'

const { status } = spawnSync('python3', ['-c', 'import socket; socket.recv_fds'], { stdio: 'ignore' })
const both = needs('Node.js, and Python 3.9', isNode && status === 0)

/** Starts the example and waits for the answers of its workers. `ends()` ends the example. */
async function answered(t) {
  const program = example(t, 'ipc-socketpair', [], { env: { ...process.env, TMPDIR: temporary(t) } })
  const [, inode] = await program.says(/the letter is inode (\d+)/)
  const workers = [/^worker\.js (\d+) says/m, /^worker\.py (\d+) says/m].map((line) =>
    Number(program.output.stdout.match(line)[1]),
  )
  const ends = async () => {
    program.child.stdin.end()
    const { code, stderr } = await program.ended()
    assert.equal(code, 0, stderr)
    for (const pid of workers) assert.equal(isAlive(pid), false)
  }
  return { parent: program.child.pid, workers, inode, output: program.output, ends }
}

// Inode numbers of connected stream sockets, from /proc/net/unix.
const connected = () =>
  fs
    .readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .map((line) => line.split(/\s+/))
    .filter(([, , , , type, state]) => type === '0001' && state === '03')
    .map((fields) => fields[6])

const socketAt = (pid, fd) => descriptors(pid)[fd]?.match(/^socket:\[(\d+)\]$/)?.[1]

test('examples/ipc-socketpair: Node.js and Python workers inherit a connected socket', both, async (t) => {
  const { parent, workers, output, ends } = await answered(t)
  const [node, python] = workers
  assert.equal(exe(node), exe(parent))
  assert.match(exe(python), /python/)
  for (const worker of workers) {
    assert.equal(stat(worker).ppid, parent)
    assert.equal((await environmentOf(worker)).CHANNEL_FD, '3')
    const socket = socketAt(worker, 3)
    assert.ok(connected().includes(socket))
    // The parent holds the other end, and no copy of this one.
    assert.ok(!Object.values(descriptors(parent)).includes(`socket:[${socket}]`))
  }
  for (const [name, pid, language] of [
    ['js', node, 'Node.js'],
    ['py', python, 'Python'],
  ]) {
    assert.match(output.stdout, new RegExp(`^worker.${name} ${pid} says { hello: 'from ${language}' }$`, 'm'))
    assert.match(
      output.stdout,
      new RegExp(`^worker.${name} ${pid} answers { did: 'this', .*'Dear child,\\\\n' }$`, 'm'),
    )
  }
  await ends()
})

test('examples/ipc-socketpair: a message carries a descriptor to both workers', both, async (t) => {
  const { parent, workers, inode, output, ends } = await answered(t)
  for (const worker of workers) {
    const [fd] = Object.entries(descriptors(worker)).find(([, what]) => what.endsWith('/letter'))
    assert.equal(fs.statSync(`/proc/${worker}/fd/${fd}`).ino, Number(inode))
    assert.match(output.stdout, new RegExp(`${worker} answers { did: 'this', inode: ${inode},`))
  }
  assert.ok(!Object.values(descriptors(parent)).some((what) => what.endsWith('/letter')))
  await ends()
})

test('examples/ipc-socketpair: the workers end, parent killed', both, async (t) => {
  const { parent, workers } = await answered(t)
  process.kill(parent, 'SIGKILL')
  for (const pid of workers) await until(() => !isAlive(pid), `${pid} has ended`)
})
