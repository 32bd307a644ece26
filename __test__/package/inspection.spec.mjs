// Objects in console.log(), and stacks of asynchronous errors.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { inspect } from 'node:util'
import {
  Channel,
  channel,
  connectChannel,
  Handle,
  listenChannel,
  openProcess,
  sendFds,
  socketpair,
  spawnDaemon,
  stopDaemon,
} from '../../index.js'
import { isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { rejection } from '../helpers/spawned.mjs'

const node = needs('Node.js', isNode)

test('console.log: shows objects in one line, open and closed', node, async (context) => {
  const [one, other] = socketpair()
  const process = openProcess(globalThis.process.pid)
  const server = await listenChannel(path.join(temporary(context), 'socket'))
  const { pid } = process
  assert.equal(inspect(one), `Handle { fd: ${one.fd}, kind: 'unix-socket' }`)
  const end = channel(other)
  assert.equal(inspect({ end }), '{ end: Channel { peer: null, closed: false } }')
  assert.equal(inspect(process), `Process { pid: ${pid}, closed: false }`)
  assert.equal(inspect(server), `ChannelServer { path: '${server.path}', closed: false }`)
  one.close()
  process.close()
  end.destroy()
  await server.close()
  assert.deepEqual(
    [one, end, process, server].map((object) => inspect(object)),
    [
      'Handle { closed: true }',
      'Channel { peer: null, closed: true }',
      `Process { pid: ${pid}, closed: true }`,
      `ChannelServer { path: '${server.path}', closed: true }`,
    ],
  )
})

test('console.log: shows a handle whose number was closed, and non-instances', node, () => {
  const [one, other] = socketpair()
  const { fd } = one
  fs.closeSync(fd)
  assert.equal(inspect(one), `Handle { fd: ${fd}, kind: null }`)
  one.take()
  other.close()
  for (const object of [Handle.prototype, Object.create(other), Object.create(Channel.prototype)]) inspect(object)
})

const CALLS = {
  'spawnDaemon()': () => spawnDaemon('/nonexistent/procnative'),
  'spawnDaemon() ready': () => spawnDaemon('false', [], { ready: 'notify' }),
  'connectChannel()': () => connectChannel('/nonexistent/procnative'),
  'stopDaemon()': () => stopDaemon('/proc/self'),
}

for (const [what, call] of Object.entries(CALLS)) {
  test(`${what}: rejects with the stack of the call`, node, async () => {
    const { stack, message } = await rejection(call())
    assert.ok(stack.startsWith(`Error: ${message}\n    at `), stack)
    assert.match(stack, /inspection\.spec\.mjs/)
  })
}

test('wrong values: messages name the class of an object', node, () => {
  const [one, other] = socketpair()
  for (const [value, shown] of [
    [net.createServer(), 'an instance of Server'],
    [new net.Socket(), 'an instance of Socket'],
  ]) {
    assert.throws(() => sendFds(one, Buffer.of(0), [value]), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: `The "fds[0]" argument must be open: a listening server, or a bound or connected socket. Received ${shown}`,
    })
  }
  for (const handle of [one, other]) handle.close()
})
