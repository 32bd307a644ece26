// H10: what channel() takes, and what it leaves as it is.
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
import { fixture } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'
import { sockets } from './helpers/channel-sockets.mjs'

const onlyNode = needs('Node.js, whose sockets have descriptors', isNode)

const flagsOf = (fd) =>
  Number.parseInt(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').match(/^flags:\s+(\d+)/m)[1], 8)
const isNonblocking = (fd) => (flagsOf(fd) & fs.constants.O_NONBLOCK) !== 0
const isCloseOnExec = (fd) => (flagsOf(fd) & 0o2000000) !== 0

test('nobody makes a Channel but channel() and its like', { contract: 'E5' }, (t) => {
  assert.throws(() => new Channel(), { name: 'TypeError', message: 'Illegal constructor' })
  assert.throws(() => new Channel(3, {}), { name: 'TypeError', message: 'Illegal constructor' })
  assert.ok(pair(t)[0] instanceof Channel)
})

test('channel() gives one Channel for a socket, by its handle and by its number', { contract: 'H10' }, (t) => {
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

test('also by whatever else has that number', { contract: 'H10' }, (t) => {
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
  // Of what owned it before, it has taken it over.
  assert.throws(() => ours.fd, { code: 'ERR_PROCNATIVE_HANDLE_CLOSED' })
  ours.close()
  assert.ok(descriptors()[fd].startsWith('socket:'))
  assert.equal(one.closed, false)
})

test('it owns the descriptor: nobody else closes it, and destroy() does', { contract: 'H10' }, (t) => {
  const [ours, theirs] = socketpair()
  t.after(() => theirs.close())
  const { fd } = ours
  const one = channel(ours)
  // Its owner until now has no say any more.
  ours.close()
  assert.ok(descriptors()[fd].startsWith('socket:'))
  assert.equal(one.closed, false)
  one.destroy()
  assert.equal(one.closed, true)
  assert.equal(descriptors()[fd], undefined)
  assert.throws(() => channel(fd), { code: 'EBADF' })
})

test('it is close-on-exec from then on, so that no child keeps it open', { contract: 'H10' }, (t) => {
  const fds = socketpair().map((handle) => handle.take())
  for (const fd of fds) setCloseOnExec(fd, false)
  const ends = fds.map((fd) => channel(fd))
  t.after(() => ends.map((end) => end.destroy()))
  assert.deepEqual(fds.map(isCloseOnExec), [true, true])
})

test('a number that is used again is another channel', { contract: 'H10' }, () => {
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

test('`peer` is null on a socket pair', { contract: 'H11' }, (t) => {
  for (const end of pair(t)) assert.equal(end.peer, null)
})

// ── What stays ──

test('a descriptor that waits is not changed, and no call waits for it', { contract: 'H10' }, async (t) => {
  const [ours, theirs] = socketpair()
  const fds = [ours.fd, theirs.fd]
  assert.deepEqual(fds.map(isNonblocking), [false, false])
  const [one, other] = [channel(ours), channel(theirs)]
  t.after(() => [one, other].map((end) => end.destroy()))
  // More than there is room for: were the call to wait, it would do so for ever.
  const sent = one.send('x'.repeat(1 << 20))
  assert.deepEqual(fds.map(isNonblocking), [false, false])
  const [message] = await words(t, other, 1)
  await sent
  assert.equal(message.length, 1 << 20)
  // Read until there is nothing, too.
  await turns()
  assert.deepEqual(fds.map(isNonblocking), [false, false])
})

test('nor is one that does not wait', { contract: 'H10', ...onlyNode }, async (t) => {
  const [client, connection] = await sockets(t, { pauseOnConnect: true })
  const socket = descriptors()[client._handle.fd]
  const one = channel(client)
  t.after(() => one.destroy())
  // What it has now is a duplicate.
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

test('nobody who shares the socket feels it: another process may still wait for it', { contract: 'H10' }, async (t) => {
  const [ours, theirs] = socketpair()
  t.after(() => theirs.close())
  const { fd } = ours
  const one = channel(ours, { serialization: 'raw' })
  t.after(() => one.destroy())
  one.on('message', () => {})
  await turns()
  // More than there is room for: it has to wait until somebody reads.
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
  ['that has connected', 0],
  ['that was accepted', 1],
]) {
  test(`a net.Socket ${which} is taken over: destroyed, without an end for the peer`, {
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

test('its libuv handle reads nothing any more: what comes from then on is the channel’s', {
  contract: 'H10',
  ...onlyNode,
}, async (t) => {
  for (let round = 0; round < 50; round++) {
    const [client, connection] = await sockets(t)
    const [fd] = files(t, 1)
    const other = channel(client)
    t.after(() => other.destroy())
    // It is there before the socket could be told, and libuv would read it in this very turn.
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

test("a child's extra 'pipe' is taken over", { contract: 'H10', ...onlyNode }, async (t) => {
  const child = spawn(process.execPath, [fixture('channel/answers.mjs')], {
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

test('methods are nobody else’s to call', { contract: 'E3' }, (t) => {
  const [one] = pair(t)
  for (const name of ['pause', 'resume', 'ref', 'unref', 'destroy']) {
    assert.equal(typeof one[name], 'function')
    assert.throws(() => one[name].call({}), TypeError)
    assert.throws(() => one[name].call(undefined), TypeError)
  }
  const { get } = Object.getOwnPropertyDescriptor(Channel.prototype, 'peer') ?? {}
  if (get) assert.throws(() => get.call({}), TypeError)
})

test("'close' of a channel that was taken over comes once, after that of its peer", {
  contract: 'H14',
  ...onlyNode,
}, async (t) => {
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
