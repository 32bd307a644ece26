// Checks of Node.js for its own channel of fork() and cluster, applied to the channel of procnative's fork(): order, size and
// kind of messages, sockets and servers shared by several processes, and their ends.

import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import fs from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import { fork } from '../../index.js'
import { messages } from '../helpers/channels.mjs'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { fixture } from '../helpers/run.mjs'

const onlyNode = needs('Node.js', isNode)

/** Starts a child that follows orders: see listen-late.mjs. It is killed with the test. */
function forked(t, options) {
  const child = fork(fixture('channel/listen-late.mjs'), [], options)
  const exit = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await exit
    child.handles.destroy()
  })
  return Object.assign(child, { ended: exit })
}

const tell = (child, order, handles, more) => child.handles.send({ order, ...more }, handles)

/** Returns a child's answer to an order. */
async function ask(t, child, order, handles, more) {
  tell(child, order, handles, more).catch(() => {})
  const [{ message }] = await messages(t, child.handles, 1)
  return message
}

async function listening(t, server, ...args) {
  server.listen(0, '127.0.0.1', ...args)
  t.after(() => server.close())
  await once(server, 'listening')
  return server.address().port
}

/** Returns the answer on a new connection. */
const connected = (port) => text(net.connect(port, '127.0.0.1').resume())

// ── Messages ──

test('fork channel: returns megabytes of any characters unchanged', onlyNode, async (t) => {
  const value = 'a¢€𝄞\0\u2028"\\'.repeat(200_000)
  assert.deepEqual(await ask(t, forked(t), 'echo', [], { value }), { value })
})

test("fork channel: 'advanced' keeps what JSON can't", onlyNode, async (t) => {
  const value = {
    map: new Map([[{ key: 1 }, new Set([1n, -0])]]),
    bytes: new Uint8Array([0, 255]),
    date: new Date(0),
    pattern: /x/giu,
    error: new RangeError('out'),
    nothing: [undefined, null, Number.NaN, Number.NEGATIVE_INFINITY],
  }
  value.itself = value
  const child = forked(t, { channel: { serialization: 'advanced' } })
  const { value: echo } = await ask(t, child, 'echo', [], { value })
  assert.equal(echo.itself, echo)
  assert.deepEqual({ ...echo, itself: null }, { ...value, itself: null })
})

test('fork channel: messages sent before the child listens arrive in order', onlyNode, async (t) => {
  const child = forked(t)
  const count = 1000
  for (let value = 0; value < count; value++) tell(child, 'echo', [], { value }).catch(() => {})
  const answers = await messages(t, child.handles, count)
  assert.deepEqual(
    answers.map(({ message }) => message.value),
    Array.from({ length: count }, (_, index) => index),
  )
})

test('fork channel: each message has its own handles, while the receiver pauses', onlyNode, async (t) => {
  const child = forked(t)
  const files = ['/dev/null', '/dev/zero', '/dev/full'].map((file) => fs.openSync(file))
  t.after(() => files.map((fd) => fs.closeSync(fd)))
  for (let value = 0; value < 30; value++) tell(child, 'echo', [files[value % 3]], { value }).catch(() => {})
  const seen = []
  for await (const { message, handles } of child.handles) {
    seen.push([message.value, fs.readlinkSync(`/proc/self/fd/${handles[0].fd}`)])
    handles[0].close()
    if (seen.length === 30) break
    await new Promise(setImmediate)
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 30 }, (_, i) => [i, ['/dev/null', '/dev/zero', '/dev/full'][i % 3]]),
  )
})

test('fork channel: messages sent before the child exits arrive', onlyNode, async (t) => {
  const child = forked(t)
  tell(child, 'last', [], { count: 100 }).catch(() => {})
  const [answers, [code]] = await Promise.all([messages(t, child.handles, 100), child.ended])
  assert.deepEqual(answers.map(({ message }) => message).at(-1), 100)
  assert.equal(code, 7)
})

test('fork channel: send() after close() is refused', onlyNode, async (t) => {
  const child = forked(t)
  await child.handles.close()
  await assert.rejects(tell(child, 'echo', []), { code: 'ERR_PROCNATIVE_CHANNEL_CLOSED' })
})

// ── Sockets and servers ──

test('fork channel: a connection keeps data from before its hand-over', onlyNode, async (t) => {
  const child = forked(t)
  const server = net.createServer({ pauseOnConnect: true })
  const port = await listening(t, server)
  const client = net.connect(port, '127.0.0.1')
  client.write('before, ')
  const [socket] = await once(server, 'connection')
  await tell(child, 'answer', [socket])
  socket.destroy()
  client.write('after\n')
  assert.equal(await text(client), 'heard before, after\n')
})

test('fork channel: a child answers HTTP on a received connection', onlyNode, async (t) => {
  const child = forked(t)
  const server = net.createServer({ pauseOnConnect: true }, (socket) => {
    tell(child, 'http', [socket]).finally(() => socket.destroy())
  })
  const port = await listening(t, server)
  const request = http.get({ port, path: '/path', agent: false })
  const [response] = await once(request, 'response')
  assert.equal(await text(response), 'GET /path')
})

test('fork channel: parent and children accept on one server, as in cluster', onlyNode, async (t) => {
  const children = Array.from({ length: 3 }, () => forked(t))
  const server = net.createServer((socket) => socket.end(String(process.pid)))
  const port = await listening(t, server)
  for (const child of children) assert.equal(await ask(t, child, 'serve', [server]), 'serves')
  const pids = [process.pid, ...children.map(({ pid }) => pid)]
  const answers = await Promise.all(Array.from({ length: 60 }, () => connected(port)))
  for (const pid of answers) assert.ok(pids.includes(Number(pid)), pid)
  const counts = await Promise.all(children.map((child) => ask(t, child, 'count', [])))
  const own = answers.filter((pid) => Number(pid) === process.pid).length
  assert.equal(
    counts.reduce((sum, count) => sum + count, own),
    60,
  )
})

test('fork channel: a shared server survives the kill of one process', onlyNode, async (t) => {
  const [first, second] = [forked(t), forked(t)]
  const server = net.createServer()
  const port = await listening(t, server)
  for (const child of [first, second]) await ask(t, child, 'serve', [server])
  // From now on it listens in the children alone.
  await new Promise((resolve) => server.close(resolve))
  first.kill('SIGKILL')
  await first.ended
  for (let i = 0; i < 10; i++) assert.equal(Number(await connected(port)), second.pid)
  second.kill('SIGKILL')
  await second.ended
  await assert.rejects(connected(port), { code: 'ECONNREFUSED' })
})

test('fork channel: the parent keeps its server when a child is killed', onlyNode, async (t) => {
  const child = forked(t)
  const server = net.createServer((socket) => socket.end('parent'))
  const port = await listening(t, server)
  await ask(t, child, 'serve', [server])
  child.kill('SIGKILL')
  await child.ended
  assert.equal(await connected(port), 'parent')
})

test('fork channel: parent and child receive on one UDP socket', onlyNode, async (t) => {
  const child = forked(t)
  const shared = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  await once(shared, 'listening')
  const { port } = shared.address()
  assert.equal(await ask(t, child, 'udp', [shared]), 'receives')
  // It stays open in the child.
  shared.close()
  const client = dgram.createSocket('udp4')
  t.after(() => client.close())
  client.send('asked', port, '127.0.0.1')
  const [answer] = await once(client, 'message')
  assert.equal(String(answer), 'child asked')
})
