// Sockets and other arguments that channel() refuses and leaves unchanged.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { channel, listenUnix, socketpair } from '../../index.js'
import { openCount, turns } from '../helpers/channels.mjs'
import { isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { until } from '../helpers/until.mjs'
import { sockets } from './helpers/channel-sockets.mjs'

const onlyNode = needs('Node.js, whose sockets have descriptors', isNode)

const REFUSED = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' }

/** Checks that channel() refuses a socket, and leaves it open. */
async function isRefused(socket) {
  const before = openCount()
  assert.throws(() => channel(socket), REFUSED)
  await turns(10)
  assert.equal(socket.destroyed, false)
  assert.equal(openCount(), before)
}

test('channel(): refuses a net.Socket that has read data, and leaves it working', {
  contract: 'H10',
  ...onlyNode,
}, async (t) => {
  const [client, connection] = await sockets(t)
  client.write('read')
  await until(() => connection.bytesRead === 4)
  await isRefused(connection)
  assert.equal(connection.setEncoding('latin1').read(), 'read')
  await isRefused(connection)
  connection.write('answer')
  assert.equal(String((await once(client, 'data'))[0]), 'answer')
})

test('channel(): refuses a net.Socket with unwritten data, and leaves it working', {
  contract: 'H10',
  ...onlyNode,
}, async (t) => {
  const [client, connection] = await sockets(t, { pauseOnConnect: true })
  connection.pause()
  client.write(Buffer.alloc(4 << 20, 'x'))
  assert.ok(client.writableLength > 0)
  await isRefused(client)
  client.end()
  let length = 0
  for await (const bytes of connection) length += bytes.length
  assert.equal(length, 4 << 20)
})

test('channel(): refuses a net.Socket that is closed or not connected yet', {
  contract: 'H10',
  ...onlyNode,
}, async (t) => {
  const [client, connection] = await sockets(t)
  client.destroy()
  assert.throws(() => channel(client), REFUSED)
  await until(() => connection.destroyed || connection.readableEnded || connection.resume())
  assert.throws(() => channel(new net.Socket()), REFUSED)
})

// ── Other descriptors ──

test('channel(): refuses all other kinds of descriptors, and leaves them open', {
  contract: 'H10',
  ...onlyNode,
}, async (t) => {
  const directory = temporary(t)
  fs.writeFileSync(path.join(directory, 'file'), '')
  const open = (file, flags) => {
    const fd = fs.openSync(file, flags)
    t.after(() => fs.closeSync(fd))
    return fd
  }
  const tcp = net.createServer().listen(0, '127.0.0.1')
  t.after(() => tcp.close())
  await once(tcp, 'listening')
  const client = net.connect(tcp.address().port, '127.0.0.1')
  const [connection] = await once(tcp, 'connection')
  t.after(() => [client, connection].map((socket) => socket.destroy()))
  const handles = [listenUnix(path.join(directory, 'socket')), ...socketpair('seqpacket'), ...socketpair('dgram')]
  t.after(() => handles.map((handle) => handle.close()))
  const others = [
    open(path.join(directory, 'file'), 'r+'),
    open(directory, 'r'),
    open('/dev/null', 'r+'),
    tcp._handle.fd,
    connection,
    ...handles,
  ]
  const before = openCount()
  for (const other of others) assert.throws(() => channel(other), REFUSED)
  for (const handle of handles) assert.throws(() => channel(handle.fd), REFUSED)
  assert.equal(openCount(), before)
  assert.equal(connection.destroyed, false)
})

test('channel(): fails with EBADF for a closed number, refuses a closed handle', { contract: 'H10' }, () => {
  const [ours, theirs] = socketpair()
  const { fd } = ours
  ours.close()
  theirs.close()
  assert.throws(() => channel(fd), { code: 'EBADF', errno: -9 })
  assert.throws(() => channel({ fd }), { code: 'EBADF' })
  assert.throws(() => channel(ours), { code: 'ERR_PROCNATIVE_HANDLE_CLOSED' })
})

test('channel(): checks its options before it takes the socket', { contract: 'E2' }, (t) => {
  const [ours, theirs] = socketpair()
  t.after(() => [ours, theirs].map((handle) => handle.close()))
  for (const [options, code] of [
    [{ serialization: 'xml' }, 'ERR_INVALID_ARG_VALUE'],
    [{ serialization: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ maxMessageLength: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ maxMessageLength: 1.5 }, 'ERR_OUT_OF_RANGE'],
    [{ maxHandles: '1' }, 'ERR_INVALID_ARG_TYPE'],
    [{ maxHandle: 1 }, 'ERR_INVALID_ARG_VALUE'],
  ]) {
    assert.throws(() => channel(ours, options), { code })
  }
  assert.equal(typeof ours.fd, 'number')
})
