// Handle adopt() of servers, connections and pipes, and of kinds that Node.js has no object for. Datagram sockets, terminals
// and cluster workers have specs of their own.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { listenUnix, recvFds, sendFds } from '../../index.js'
import { adopted, textOf } from '../helpers/adopted.mjs'
import { handleOf, isOpen, made, opened, pair } from '../helpers/handles.mjs'
import { isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { fixture, root, run } from '../helpers/run.mjs'

const NODE = needs('Node.js', isNode)
const CLOSED = { code: 'ERR_PROCNATIVE_HANDLE_CLOSED' }
const LOCAL = { tcp4: ['127.0.0.1', 'IPv4'], tcp6: ['::1', 'IPv6'] }

/** Connects to a server and returns its answer. */
const ask = (...where) => textOf(net.connect(...where))

const isOver = (socket) => socket.destroyed || once(socket, 'close')

// ── Servers ──

for (const [name, [address, family]] of Object.entries(LOCAL)) {
  test(`Handle adopt(): makes a listening ${family} socket a net.Server`, { contract: 'H8', ...NODE }, async (t) => {
    const [handle] = made(t, name)
    const server = adopted(t, handle)
    assert.ok(server instanceof net.Server)
    assert.equal(server.listening, true)
    assert.throws(() => handle.fd, CLOSED)
    const { port, ...rest } = server.address()
    assert.deepEqual(rest, { address, family })
    server.on('connection', (socket) => socket.end(`served from ${socket.localPort}`))
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(port, address)))
    assert.deepEqual(answers, Array(20).fill(`served from ${port}`))
    await new Promise((resolve) => server.close(resolve))
    await assert.rejects(ask(port, address), { code: 'ECONNREFUSED' })
  })
}

test('Handle adopt(): makes a listening Unix socket a net.Server, path stays', {
  contract: 'H8',
  ...NODE,
}, async (t) => {
  const file = path.join(temporary(t), 'socket')
  const handle = listenUnix(file)
  const { ino } = fs.lstatSync(file)
  const server = adopted(t, handle)
  assert.ok(server instanceof net.Server)
  assert.equal(server.listening, true)
  assert.throws(() => handle.fd, CLOSED)
  server.on('connection', (socket) => socket.end('served'))
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(file)))
  assert.deepEqual(answers, Array(20).fill('served'))
  await new Promise((resolve) => server.close(resolve))
  assert.equal(fs.lstatSync(file).ino, ino)
  await assert.rejects(ask(file), { code: 'ECONNREFUSED' })
})

test('Handle adopt(): takes a server at an abstract name of another process', {
  contract: 'H8',
  ...NODE,
}, async (t) => {
  const [handle] = made(t, 'unix')
  const name = nameOf(handle)
  const server = adopted(t, handle)
  server.on('connection', (socket) => socket.end('served'))
  const { stdout } = await run('python3', [fixture('print-received.py'), name]).ended
  assert.equal(stdout, 'served')
})

/** Returns the address of a Unix socket from /proc/net/unix. */
function nameOf({ fd }) {
  const [inode] = fs.readlinkSync(`/proc/self/fd/${fd}`).match(/\d+/)
  const lines = fs.readFileSync('/proc/net/unix', 'utf8').split('\n')
  return lines.map((line) => line.split(/ +/)).find((line) => line[6] === inode)[7]
}

test('Handle adopt(): serves connections that waited before', { contract: 'H8', ...NODE }, async (t) => {
  const file = path.join(temporary(t), 'socket')
  const handle = listenUnix(file)
  const waiting = Array.from({ length: 5 }, () => net.connect(file))
  await Promise.all(waiting.map((socket) => once(socket, 'connect')))
  const server = adopted(t, handle)
  server.on('connection', (socket) => socket.end('served'))
  assert.deepEqual(await Promise.all(waiting.map(textOf)), Array(5).fill('served'))
})

test('Handle adopt(): makes two servers of a socket, each closes alone', { contract: 'H8', ...NODE }, async (t) => {
  const file = path.join(temporary(t), 'socket')
  const first = listenUnix(file)
  const [one, other] = [handleOf(t, first.fd), first].map((handle) => adopted(t, handle))
  for (const server of [one, other]) server.on('connection', (socket) => socket.end('served'))
  assert.equal(await ask(file), 'served')
  await new Promise((resolve) => one.close(resolve))
  assert.equal(await ask(file), 'served')
})

// ── Connections ──

const CONNECTIONS = {
  tcp4: (t) => made(t, 'tcp4').slice(1),
  tcp6: (t) => made(t, 'tcp6').slice(1),
  'a Unix connection': (t) => made(t, 'unix').slice(1),
  'a socket pair': (t) => pair(t),
}

for (const [name, connect] of Object.entries(CONNECTIONS)) {
  test(`Handle adopt(): makes ${name} a net.Socket with data both ways`, { contract: 'H8', ...NODE }, async (t) => {
    const handles = connect(t)
    const [a, b] = handles.map((handle) => adopted(t, handle))
    for (const socket of [a, b]) {
      assert.ok(socket instanceof net.Socket)
      assert.deepEqual([socket.readyState, socket.connecting, socket.pending], ['open', false, false])
    }
    for (const handle of handles) assert.throws(() => handle.fd, CLOSED)
    const much = 'There and back again. '.repeat(50_000)
    for (const [from, to] of [
      [a, b],
      [b, a],
    ]) {
      from.write('a word')
      to.setEncoding('utf8')
      assert.equal((await once(to, 'data'))[0], 'a word')
    }
    a.end(much)
    assert.equal(await textOf(b), much)
    a.resume()
    await Promise.all([isOver(a), isOver(b)])
  })

  test(`Handle adopt(): keeps data and end from before, ${name}`, { contract: 'H8', ...NODE }, async (t) => {
    const [a, b] = connect(t)
    fs.writeSync(a.fd, 'sent before')
    assert.match(b.kind, /-socket$/)
    a.close()
    const socket = adopted(t, b)
    assert.equal(await textOf(socket), 'sent before')
    await isOver(socket)
  })

  test(`Handle adopt(): destroy() closes the descriptor, ${name}`, { contract: 'H8', ...NODE }, async (t) => {
    const [a, b] = connect(t)
    const { fd } = a
    const socket = adopted(t, a)
    assert.ok(isOpen(fd))
    socket.destroy()
    await isOver(socket)
    assert.equal(isOpen(fd), false)
    assert.equal(await textOf(adopted(t, b)), '')
  })
}

test('Handle adopt(): tells the addresses of a TCP connection', { contract: 'H8', ...NODE }, (t) => {
  const [listener, client, accepted] = made(t, 'tcp4')
  const { port } = adopted(t, listener).address()
  const [a, b] = [client, accepted].map((handle) => adopted(t, handle))
  assert.deepEqual([a.remoteAddress, a.remotePort, a.remoteFamily], ['127.0.0.1', port, 'IPv4'])
  assert.deepEqual([b.localPort, b.remotePort], [port, a.localPort])
})

// ── Pipes ──

for (const name of ['pipe', 'fifo']) {
  test(`Handle adopt(): makes each end of a ${name} a one-way net.Socket`, { contract: 'H8', ...NODE }, async (t) => {
    const [reads, writes] = made(t, name).slice(0, 2)
    const [reader, writer] = [reads, writes].map((handle) => adopted(t, handle))
    const used = ({ readable, writable }) => ({ readable, writable })
    assert.ok(reader instanceof net.Socket && writer instanceof net.Socket)
    assert.deepEqual([reader, writer].map(used), [
      { readable: true, writable: false },
      { readable: false, writable: true },
    ])
    writer.write('a word')
    assert.deepEqual(await once(reader.setEncoding('utf8'), 'data'), ['a word'])
  })
}

test('Handle adopt(): carries much data through a pipe, then the end', { contract: 'H8', ...NODE }, async (t) => {
  const [reader, writer] = made(t, 'pipe').map((handle) => adopted(t, handle))
  const much = 'Through the pipe. '.repeat(50_000)
  writer.end(much)
  assert.equal(await textOf(reader), much)
  await Promise.all([isOver(reader), isOver(writer)])
})

test('Handle adopt(): reads data written to a pipe before, then the end', { contract: 'H8', ...NODE }, async (t) => {
  const [reads, writes] = made(t, 'pipe')
  fs.writeSync(writes.fd, 'written before')
  assert.equal(reads.kind, 'pipe')
  writes.close()
  const reader = adopted(t, reads)
  assert.equal(await textOf(reader), 'written before')
  await isOver(reader)
})

test('Handle adopt(): emits EPIPE on a pipe without a reader', { contract: 'H8', ...NODE }, async (t) => {
  const [reads, writes] = made(t, 'pipe')
  const writer = adopted(t, writes)
  reads.close()
  writer.write('for nobody')
  const [error] = await once(writer, 'error')
  assert.equal(error.code, 'EPIPE')
  await isOver(writer)
})

test('Handle adopt(): makes a two-way FIFO readable and writable', { contract: 'H8', ...NODE }, async (t) => {
  const [reads, writes, both] = made(t, 'fifo')
  reads.close()
  writes.close()
  const socket = adopted(t, both)
  assert.deepEqual([socket.readable, socket.writable], [true, true])
  socket.setEncoding('utf8').write('to itself')
  assert.deepEqual(await once(socket, 'data'), ['to itself'])
})

// ── Kinds without an object of Node.js ──

const FOREIGN = {
  file: (t) => opened(t, import.meta.filename),
  directory: (t) => opened(t, root),
  'character-device': (t) => opened(t, '/dev/null'),
  'unix-seqpacket': (t) => pair(t, 'seqpacket')[0],
  'unix-dgram': (t) => pair(t, 'dgram')[0],
  other: (t) => made(t, 'epoll')[0],
}

for (const [kind, open] of Object.entries(FOREIGN)) {
  test(`Handle adopt(): refuses kind '${kind}', leaves the handle unchanged`, { contract: 'H8', ...NODE }, (t) => {
    const handle = open(t)
    const { fd } = handle
    for (let i = 0; i < 2; i++) {
      assert.throws(() => handle.adopt(), {
        name: 'TypeError',
        code: 'ERR_PROCNATIVE_NOT_ADOPTABLE',
        message: new RegExp(`'?${kind}'?.*\\bfd\\b`, 's'),
      })
    }
    assert.deepEqual([handle.fd, handle.kind, isOpen(fd)], [fd, kind, true])
    handle.close()
    assert.equal(isOpen(fd), false)
  })
}

test('Handle adopt(): keeps unread data of a kind that it refuses', { contract: 'H8', ...NODE }, (t) => {
  const [a, b] = pair(t, 'seqpacket')
  sendFds(a, Buffer.from('waiting'))
  assert.throws(() => b.adopt(), { code: 'ERR_PROCNATIVE_NOT_ADOPTABLE' })
  assert.equal(recvFds(b).data.toString(), 'waiting')
})

test('Handle adopt(): fails with ERR_PROCNATIVE_RUNTIME in Bun and Deno', {
  contract: 'H8',
  ...needs('Bun or Deno', !isNode),
}, (t) => {
  const [a, b] = pair(t)
  const { fd } = a
  assert.throws(() => a.adopt(), { code: 'ERR_PROCNATIVE_RUNTIME' })
  assert.equal(a.fd, fd)
  sendFds(a, Buffer.from('.'))
  assert.equal(recvFds(b).data.length, 1)
})

// ── Worker threads ──

test('Handle adopt(): works in a worker thread, whose end closes the server', {
  contract: 'H8',
  ...NODE,
}, async (t) => {
  const file = path.join(temporary(t), 'socket')
  const script = `
    const { listenUnix } = require(${JSON.stringify(`${root}index.js`)})
    listenUnix(${JSON.stringify(file)}).adopt().on('connection', (socket) => socket.end('served by a worker'))
    require('node:worker_threads').parentPort.postMessage('ready')
  `
  const worker = new Worker(script, { eval: true })
  await once(worker, 'message')
  assert.equal(await ask(file), 'served by a worker')
  await worker.terminate()
  await assert.rejects(ask(file), { code: 'ECONNREFUSED' })
})
