// Arguments that sendFds() and recvFds() take and refuse, their behavior without free descriptors, and their system calls.
// runtimes: node, bun

import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { channel, listenUnix, recvFds, sendFds } from '../../index.js'
import { adopted } from '../helpers/adopted.mjs'
import { close, closedNumber, files, inodeOf, isEmpty, made, pair, received } from '../helpers/handles.mjs'
import { hasProgram, isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, library, limitedTo, run, scriptCommand } from '../helpers/run.mjs'

const NODE = needs('Node.js', isNode)
const TYPES = ['stream', 'seqpacket', 'dgram']
const NOTHING = Buffer.alloc(0)
const byte = Buffer.from('.')

// ── Wrong arguments ──

test('sendFds(): refuses data that only looks like a Uint8Array', { contract: 'E2' }, (t) => {
  const [a] = pair(t)
  for (const data of [new Proxy(byte, {}), Object.create(Uint8Array.prototype)])
    assert.throws(() => sendFds(a, data), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
})

test('sendFds(): refuses an array of 2**32-1 holes, allocates nothing', { contract: 'E2' }, async (t) => {
  const [a, b] = pair(t)
  const holes = Array(2 ** 32 - 1)
  const end = channel(b)
  t.after(() => end.destroy())
  const before = process.memoryUsage().arrayBuffers
  assert.throws(() => sendFds(a, byte, holes), { code: 'ERR_INVALID_ARG_TYPE' })
  await assert.rejects(end.send('message', holes), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 30)
})

// ── Wrong sockets ──

test('sendFds(), recvFds(): fail with EBADF if closed, ENOTSOCK for files', { contract: 'H12' }, (t) => {
  const [file, closed] = [...files(t, 1), closedNumber()]
  for (const [fd, code] of [
    [closed, 'EBADF'],
    [2 ** 31 - 1, 'EBADF'],
    [file, 'ENOTSOCK'],
  ]) {
    assert.throws(() => sendFds(fd, byte, [file]), { name: 'Error', code, syscall: 'sendmsg' })
    assert.throws(() => recvFds(fd), { name: 'Error', code, syscall: 'recvmsg' })
    // Empty data with descriptors makes sendFds() look up the type of the socket.
    assert.throws(() => sendFds(fd, NOTHING, [file]), { name: 'Error', code })
  }
})

test('sendFds(), recvFds(): refuse a handle that is closed or taken', { contract: 'H12' }, (t) => {
  const [a, b] = pair(t)
  const CLOSED = { code: 'ERR_PROCNATIVE_HANDLE_CLOSED' }
  const [closed, taken] = pair(t)
  closed.close()
  const fd = taken.take()
  t.after(() => close(fd))
  for (const handle of [closed, taken]) {
    assert.throws(() => sendFds(handle, byte), CLOSED)
    assert.throws(() => recvFds(handle), CLOSED)
    assert.throws(() => sendFds(a, byte, [0, handle]), CLOSED)
  }
  isEmpty(b)
})

test('sendFds(): fails with ENOTCONN on an unconnected socket', { contract: 'H12' }, (t) => {
  for (const name of ['unix-stream', 'unix-seqpacket', 'unix-dgram']) {
    const [alone] = made(t, name)
    assert.throws(() => sendFds(alone, byte, [alone]), { code: 'ENOTCONN', syscall: 'sendmsg' })
  }
})

test('recvFds(): refuses maxLength below 1 and maxFds below 0', { contract: 'H12' }, (t) => {
  const [, b] = pair(t)
  for (const options of [{ maxLength: 0 }, { maxLength: -1 }, { maxFds: -1 }]) {
    assert.throws(() => recvFds(b, options), { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' })
  }
})

// ── Objects with a descriptor ──

test('sendFds(): sends handles, numbers, objects with an fd, and FileHandles', { contract: 'H12' }, async (t) => {
  const [a, b] = pair(t)
  const [fd] = files(t, 1)
  const [handle] = pair(t)
  const file = await fs.promises.open('/dev/zero')
  t.after(() => file.close())
  sendFds(a, byte, [fd, handle, file, { fd }])
  assert.deepEqual(
    received(t, b).handles.map((one) => inodeOf(one.fd)),
    [fd, handle.fd, file.fd, fd].map(inodeOf),
  )
})

test('sendFds(): sends servers, connections and datagram sockets', { contract: 'H12', ...NODE }, async (t) => {
  const [a, b] = pair(t)
  const server = net.createServer().listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const socket = net.connect(server.address().port)
  t.after(() => socket.destroy())
  const [accepted] = await once(server, 'connection')
  t.after(() => accepted.destroy())
  const datagrams = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  t.after(() => datagrams.close())
  await once(datagrams, 'listening')
  sendFds(a, byte, [server, socket, accepted, datagrams])
  const { handles } = received(t, b)
  assert.deepEqual(
    handles.map(({ kind }) => kind),
    ['tcp-server', 'tcp-socket', 'tcp-socket', 'udp'],
  )
  assert.deepEqual(
    handles.slice(0, 3).map(({ fd }) => inodeOf(fd)),
    [server, socket, accepted].map((one) => inodeOf(one._handle.fd)),
  )
  // Node's objects still work.
  socket.end('still here')
  assert.deepEqual((await accepted.setEncoding('utf8').toArray()).join(''), 'still here')
})

test('sendFds(): refuses objects without a descriptor, sends nothing', { contract: 'H12' }, async (t) => {
  const [a, b] = pair(t)
  const file = await fs.promises.open('/dev/zero')
  await file.close()
  for (const one of [net.createServer(), new net.Socket(), file]) {
    assert.throws(() => sendFds(a, byte, [0, one]), { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' })
  }
  isEmpty(b)
})

test('sendFds(): refuses sockets with unread or unwritten data, sends nothing', {
  contract: 'H4',
  ...NODE,
}, async (t) => {
  const [a, b] = pair(t)
  const [one, other] = made(t, 'tcp4')
    .slice(1)
    .map((handle) => adopted(t, handle))
  one.write('read there, and not taken')
  await once(other, 'readable')
  one.cork()
  one.write('not written yet')
  for (const socket of [one, other]) {
    assert.throws(() => sendFds(a, byte, [0, socket]), { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' })
  }
  isEmpty(b)
  // The sockets can be sent once the data is read and written.
  assert.equal(other.read().toString(), 'read there, and not taken')
  one.uncork()
  await once(other, 'readable')
  other.read()
  sendFds(a, byte, [one, other])
  assert.equal(received(t, b).handles.length, 2)
})

test('sendFds(): refuses a Unix server of Node, sends an adopted one', { contract: 'H9', ...NODE }, async (t) => {
  const [a, b] = pair(t)
  const directory = temporary(t)
  const server = net.createServer().listen(path.join(directory, 'bound'))
  t.after(() => server.close())
  await once(server, 'listening')
  assert.throws(() => sendFds(a, byte, [server]), { code: 'ERR_PROCNATIVE_UNIX_SERVER', message: /listenUnix/ })
  isEmpty(b)
  sendFds(a, byte, [adopted(t, listenUnix(path.join(directory, 'socket')))])
  assert.equal(received(t, b).handles[0].kind, 'unix-server')
})

// ── Limits ──

for (const type of TYPES) {
  test(`recvFds(): closes descriptors beyond the process limit, tells truncation, ${type}`, {
    contract: 'H12',
  }, async () => {
    const program = [process.execPath, ...scriptCommand(fixture('socket/receive-without-descriptors.mjs'), type)]
    const { code, stdout, stderr } = await run('env', [...limitedTo(64), ...program]).ended
    assert.deepEqual([code, stderr], [0, ''])
    assert.deepEqual(
      reports(stdout),
      [0, 1, 2, 3, 4, 5, 6].map((free) => ({
        data: 'five',
        free,
        handles: Math.min(free, 5),
        truncated: free < 5,
        left: 0,
      })),
    )
  })
}

// ── The calls ──

test('sendFds(), recvFds(): make one system call each, without waits or signals', {
  contract: 'H12',
  ...needs('strace', hasProgram('strace')),
}, async (t) => {
  const trace = path.join(temporary(t), 'trace')
  const traced = [
    '-f',
    '-o',
    trace,
    '-e',
    'trace=socketpair,sendmsg,recvmsg,sendto,recvfrom,fcntl,getsockopt,setsockopt',
  ]
  const script = `
    const { recvFds, sendFds, socketpair } = require(${JSON.stringify(library)})
    const [a, b] = socketpair('seqpacket')
    sendFds(a, Buffer.from('word'), [0])
    const { handles } = recvFds(b)
    console.log(JSON.stringify({ sender: a.fd, receiver: b.fd }))
    for (const handle of [a, b, ...handles]) handle.close()`
  const { code, stdout, stderr } = await run('strace', [...traced, process.execPath, '-e', script]).ended
  assert.equal(code, 0, stderr)
  const [{ sender, receiver }] = reports(stdout)
  const all = fs.readFileSync(trace, 'utf8').split('\n')
  // Without the calls of close().
  const calls = all
    .slice(all.findLastIndex((line) => line.includes('socketpair(')))
    .filter((line) => !line.includes('SO_LINGER'))
  const of = (fd) => calls.filter((line) => new RegExp(`^\\d+ +\\w+\\(${fd},`).test(line))
  const [sent, ...moreSent] = of(sender)
  assert.match(sent, /sendmsg\(.*, MSG_DONTWAIT\|MSG_NOSIGNAL\) = 4$/)
  const [got, ...moreGot] = of(receiver)
  assert.match(got, /recvmsg\(.*, MSG_DONTWAIT\|MSG_CMSG_CLOEXEC\) = 4$/)
  assert.deepEqual([...moreSent, ...moreGot], [])
})
