// Sockets that channel() takes, and their state afterwards.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { text } from 'node:stream/consumers'
import { Channel, channel, setCloseOnExec, socketpair } from '../../index.js'
import { arrived, events, files, messages, openCount, pair, turns, words } from '../helpers/channels.mjs'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { descriptors } from '../helpers/proc.mjs'
import { repetitions } from '../helpers/repetitions.mjs'
import { library } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'
import { sockets } from './helpers/channel-sockets.mjs'

const onlyNode = needs('Node.js, whose sockets have descriptors', isNode)

const flagsOf = (fd) =>
  Number.parseInt(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').match(/^flags:\s+(\d+)/m)[1], 8)
const isNonblocking = (fd) => (flagsOf(fd) & fs.constants.O_NONBLOCK) !== 0
const isCloseOnExec = (fd) => (flagsOf(fd) & 0o2000000) !== 0

test('Channel: has no public constructor', { contract: 'E5' }, (t) => {
  assert.throws(() => new Channel(), { name: 'TypeError', message: 'Illegal constructor' })
  assert.throws(() => new Channel(3, {}), { name: 'TypeError', message: 'Illegal constructor' })
  assert.ok(pair(t)[0] instanceof Channel)
})

test('channel(): returns one Channel for a socket, by handle or number', { contract: 'H10' }, (t) => {
  const [ours, theirs] = socketpair()
  const [first, second] = [ours.fd, theirs.fd]
  const one = channel(ours)
  const other = channel(second)
  t.after(() => [one, other].map((end) => end.destroy()))
  assert.notEqual(one, other)
  assert.equal(channel(ours), one)
  assert.equal(channel(first), one)
  assert.equal(channel(first), channel(ours))
  assert.equal(channel(second), other)
})

test('channel(): returns the same Channel for any object with the number', { contract: 'H10' }, (t) => {
  const [ours, theirs] = socketpair()
  const { fd } = ours
  const one = channel(fd)
  t.after(() => {
    one.destroy()
    theirs.close()
  })
  assert.equal(channel({ fd }), one)
  assert.equal(channel({ fd }), one)
  assert.equal(channel(ours), one)
  // The channel has taken the descriptor from the handle.
  assert.throws(() => ours.fd, { code: 'ERR_PROCNATIVE_HANDLE_CLOSED' })
  ours.close()
  assert.ok(descriptors()[fd].startsWith('socket:'))
  assert.equal(one.closed, false)
})

test('channel(): owns the descriptor until destroy() closes it', { contract: 'H10' }, (t) => {
  const [ours, theirs] = socketpair()
  t.after(() => theirs.close())
  const { fd } = ours
  const one = channel(ours)
  // close() of the former owner has no effect.
  ours.close()
  assert.ok(descriptors()[fd].startsWith('socket:'))
  assert.equal(one.closed, false)
  one.destroy()
  assert.equal(one.closed, true)
  assert.equal(descriptors()[fd], undefined)
  assert.throws(() => channel(fd), { code: 'EBADF' })
})

test('channel(): makes the descriptor close-on-exec', { contract: 'H10' }, (t) => {
  const fds = socketpair().map((handle) => handle.take())
  for (const fd of fds) setCloseOnExec(fd, false)
  const ends = fds.map((fd) => channel(fd))
  t.after(() => ends.map((end) => end.destroy()))
  assert.deepEqual(fds.map(isCloseOnExec), [true, true])
})

test('channel(): returns another Channel for a number that is used again', { contract: 'H10' }, () => {
  const before = openCount()
  const numbers = new Set()
  const all = new Set()
  for (let round = 0; round < 10; round++) {
    const [ours, theirs] = socketpair()
    const fd = ours.take()
    numbers.add(fd)
    const one = channel(fd)
    all.add(one)
    one.destroy()
    theirs.close()
  }
  assert.equal(all.size, 10)
  assert.equal(numbers.size, 1)
  assert.equal(openCount(), before)
})

test('Channel peer: is null on a socket pair', { contract: 'H11' }, (t) => {
  for (const end of pair(t)) assert.equal(end.peer, null)
})

// ── The blocking mode ──

test('channel(): leaves a blocking socket blocking, and never blocks itself', { contract: 'H10' }, async (t) => {
  const [ours, theirs] = socketpair()
  const fds = [ours.fd, theirs.fd]
  assert.deepEqual(fds.map(isNonblocking), [false, false])
  const [one, other] = [channel(ours), channel(theirs)]
  t.after(() => [one, other].map((end) => end.destroy()))
  // The message exceeds the socket's room: a call that blocks would never return.
  const sent = one.send('x'.repeat(1 << 20))
  assert.deepEqual(fds.map(isNonblocking), [false, false])
  const [message] = await words(t, other, 1)
  await sent
  assert.equal(message.length, 1 << 20)
  // By now the channel has also read until EAGAIN.
  await turns()
  assert.deepEqual(fds.map(isNonblocking), [false, false])
})

test('channel(): leaves a non-blocking socket non-blocking', { contract: 'H10', ...onlyNode }, async (t) => {
  const [client, connection] = await sockets(t, { pauseOnConnect: true })
  const socket = descriptors()[client._handle.fd]
  const one = channel(client)
  t.after(() => one.destroy())
  // The channel has a duplicate of the socket's descriptor.
  await until(() => client.closed)
  const [fd] = Object.entries(descriptors()).find(([, what]) => what === socket)
  assert.ok(isNonblocking(fd))
  assert.ok(isCloseOnExec(fd))
  const other = channel(connection)
  t.after(() => other.destroy())
  one.send('there')
  other.send('back')
  assert.deepEqual([await words(t, one, 1), await words(t, other, 1)], [['back'], ['there']])
  assert.ok(isNonblocking(fd))
})

test('channel(): lets another process block on the shared socket', { contract: 'H10' }, async (t) => {
  const [ours, theirs] = socketpair()
  t.after(() => theirs.close())
  const { fd } = ours
  const one = channel(ours, { serialization: 'raw' })
  t.after(() => one.destroy())
  one.on('message', () => {})
  await turns()
  // More bytes than the socket has room for: the child must block until the test reads them.
  const child = spawn('sh', ['-c', `head -c ${1 << 20} /dev/zero >&3`], {
    stdio: ['ignore', 'ignore', 'pipe', fd],
  })
  const closed = once(child, 'close')
  const complaints = text(child.stderr)
  let length = 0
  await until(() => {
    length += arrived(t, theirs).data.length
    return length === 1 << 20 || child.exitCode !== null
  })
  assert.equal(await complaints, '')
  assert.deepEqual([length, ...(await closed)], [1 << 20, 0, null])
})

// ── net.Socket ──

for (const [which, index] of [
  ['that connected', 0],
  ['that was accepted', 1],
]) {
  test(`channel(): destroys a net.Socket ${which}, and keeps the connection`, {
    contract: 'H10',
    ...onlyNode,
  }, async (t) => {
    const both = await sockets(t)
    const [socket, far] = [both[index], both[1 - index]]
    const one = channel(socket)
    t.after(() => one.destroy())
    assert.ok(socket.destroyed)
    assert.equal(channel(socket), one)
    await until(() => socket.closed, "its 'close'")
    assert.equal(channel(socket), one)
    assert.equal(one.closed, false)
    const other = channel(far)
    t.after(() => other.destroy())
    const received = [words(t, other, 1), words(t, one, 1)]
    one.send('from the one')
    other.send('from the other')
    assert.deepEqual(await Promise.all(received), [['from the one'], ['from the other']])
  })
}

test('channel(): receives all data after it took over a net.Socket', { contract: 'H10', ...onlyNode }, async (t) => {
  for (let round = 0; round < repetitions(50); round++) {
    const [client, connection] = await sockets(t)
    const [fd] = files(t, 1)
    const other = channel(client)
    t.after(() => other.destroy())
    // The message arrives before channel() takes the other socket: libuv would read it in this turn.
    other.send('first', fd)
    const one = channel(connection)
    t.after(() => one.destroy())
    other.send('second', fd)
    const found = await messages(t, one, 2)
    assert.deepEqual(
      found.map(({ message, handles }) => [message, handles.length]),
      [
        ['first', 1],
        ['second', 1],
      ],
    )
  }
})

test("channel(): takes over an extra 'pipe' of a child process", { contract: 'H10', ...onlyNode }, async (t) => {
  const echo = `
    const one = require(${JSON.stringify(library)}).channel(3)
    one.on('message', (message, handles) => {
      one.send(message, handles)
      for (const handle of handles) handle.close()
    })`
  const child = spawn(process.execPath, ['-e', echo], {
    stdio: ['pipe', 'inherit', 'inherit', 'pipe'],
  })
  const closed = once(child, 'close')
  t.after(() => closed)
  const one = channel(child.stdio[3])
  t.after(() => one.destroy())
  one.send('over a pipe', files(t, 3))
  const [{ message, handles }] = await messages(t, one, 1)
  assert.deepEqual([message, handles.length], ['over a pipe', 3])
})

test('Channel: methods throw on any other `this`', { contract: 'E3' }, (t) => {
  const [one] = pair(t)
  for (const name of ['pause', 'resume', 'ref', 'unref', 'destroy']) {
    assert.equal(typeof one[name], 'function')
    assert.throws(() => one[name].call({}), TypeError)
    assert.throws(() => one[name].call(undefined), TypeError)
  }
  const { get } = Object.getOwnPropertyDescriptor(Channel.prototype, 'peer') ?? {}
  if (get) assert.throws(() => get.call({}), TypeError)
})

test("Channel 'close': comes once after a net.Socket peer has ended", { contract: 'H14', ...onlyNode }, async (t) => {
  const [client, connection] = await sockets(t)
  const one = channel(connection)
  t.after(() => one.destroy())
  const all = events(one)
  one.on('message', () => {})
  client.end()
  await once(one, 'close')
  await turns(10)
  assert.deepEqual(all, ['close'])
})
