// Messages and handles that send() refuses before it sends anything, and errors of a single message.
// runtimes: node, bun

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import tls from 'node:tls'
import { channel, dup2, listenUnix, sendFds, sendHandle, socketpair } from '../../index.js'
import {
  arrived,
  bare,
  CLOSED,
  files,
  frames,
  identities,
  identity,
  messages,
  openCount,
  pair,
  program,
  turns,
} from '../helpers/channels.mjs'
import { isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { fixture, limitedTo } from '../helpers/run.mjs'
import { PYTHON } from '../helpers/spawned.mjs'
import { until } from '../helpers/until.mjs'

const onlyNode = needs('Node.js, whose sockets have descriptors', isNode)

const UNUSED = 1_000_000
const INVALID = { code: 'ERR_INVALID_ARG_VALUE' }

/**
 * Sends a handle that must be refused: as the first message and while others wait, alone and as the last of 600 handles.
 * Checks that nothing of it is sent, that no descriptor is left, and that the channel continues.
 */
async function isRefused(t, what, expected) {
  const [one, theirs] = bare(t)
  const [file] = files(t, 1)
  const before = openCount()
  const many = [...Array(600).fill(file), what]
  await assert.rejects(one.send('refused', what), expected)
  await assert.rejects(one.send('refused', many), expected)
  await turns(5)
  assert.equal(arrived(t, theirs).data.length, 0)
  const sent = [
    one.send('one', file),
    assert.rejects(one.send('refused', what), expected),
    one.send('two'),
    assert.rejects(one.send('refused', [file, what]), expected),
    assert.rejects(one.send('refused', many), expected),
    one.send('three', file),
  ]
  await Promise.all(sent)
  const { data, handles } = arrived(t, theirs)
  assert.deepEqual(
    frames(data).map(({ text, count }) => [text, count]),
    [
      ['"one"', 1],
      ['"two"', 0],
      ['"three"', 1],
    ],
  )
  assert.deepEqual(identities(handles), [identity(file), identity(file)])
  for (const handle of handles) handle.close()
  assert.equal(openCount(), before)
}

/** Returns two connected net.Sockets and their server. */
async function sockets(t) {
  const server = net.createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const client = net.connect(server.address().port, '127.0.0.1')
  const [connection] = await once(server, 'connection')
  t.after(() => [client, connection].map((socket) => socket.destroy()))
  return { server, client, connection }
}

test('Channel send(): fails with EBADF for a number never opened', { contract: 'H4' }, (t) =>
  isRefused(t, UNUSED, { code: 'EBADF', errno: -9 }),
)

test('Channel send(), sendHandle(): refuse a callback', async (t) => {
  const [one, theirs] = bare(t)
  const [file] = files(t, 1)
  const callback = () => assert.fail('it is called')
  const expected = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }
  await assert.rejects(one.send('refused', callback), {
    ...expected,
    message: /"handles" argument .* function callback/,
  })
  for (const refused of [one.send('refused', file, callback), sendHandle(one, 'refused', file, callback)]) {
    await assert.rejects(refused, {
      ...expected,
      message: 'The "callback" argument must be absent: send() returns a promise. Received function callback',
    })
  }
  await one.send('sent', file, undefined)
  assert.deepEqual(
    frames(arrived(t, theirs).data).map(({ text }) => text),
    ['"sent"'],
  )
})

test('Channel send(): fails with EBADF for a closed descriptor', { contract: 'H4' }, (t) => {
  const fd = fs.openSync('/dev/null')
  fs.closeSync(fd)
  // The test opens descriptors, so it takes a number that stays free.
  return isRefused(t, { fd: fd + 10_000 }, { code: 'EBADF' })
})

test('Channel send(): refuses handles of wrong types and numbers', { contract: 'E2' }, async (t) => {
  for (const what of [null, 'text', true, {}, () => {}]) await isRefused(t, what, { code: 'ERR_INVALID_ARG_TYPE' })
  for (const what of [-1, 1.5, Number.NaN, 2 ** 31]) await isRefused(t, what, { code: 'ERR_OUT_OF_RANGE' })
})

test('Channel send(): fails with ERR_PROCNATIVE_HANDLE_CLOSED for a closed or taken handle', {
  contract: 'H4',
}, async (t) => {
  const [taken, closed] = socketpair()
  const fd = taken.take()
  t.after(() => fs.closeSync(fd))
  closed.close()
  for (const handle of [taken, closed]) await isRefused(t, handle, { code: 'ERR_PROCNATIVE_HANDLE_CLOSED' })
})

test('Channel send(): refuses a server that does not listen', { contract: 'H4', ...onlyNode }, async (t) => {
  await isRefused(t, net.createServer(), INVALID)
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  await new Promise((resolve) => server.close(resolve))
  await isRefused(t, server, INVALID)
})

test('Channel send(): refuses a closed datagram socket', { contract: 'H4', ...onlyNode }, async (t) => {
  const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  await new Promise((resolve) => socket.close(resolve))
  await isRefused(t, socket, INVALID)
})

test('Channel send(): refuses a socket that is destroyed or not connected', {
  contract: 'H4',
  ...onlyNode,
}, async (t) => {
  const { client } = await sockets(t)
  client.destroy()
  await isRefused(t, client, INVALID)
  await isRefused(t, new net.Socket(), INVALID)
})

test('Channel send(): refuses a socket with unread data, until it is read', {
  contract: 'H4',
  ...onlyNode,
}, async (t) => {
  const { client, connection } = await sockets(t)
  connection.write('read already')
  await until(() => client.bytesRead > 0)
  await isRefused(t, client, INVALID)
  // The socket is unchanged.
  assert.equal(String(client.read()), 'read already')
  const [one, other] = pair(t)
  await one.send('a socket', client)
  assert.equal((await messages(t, other, 1))[0].handles[0].kind, 'tcp-socket')
})

test('Channel send(): refuses a socket with unwritten data, until it is written', {
  contract: 'H4',
  ...onlyNode,
}, async (t) => {
  const { client, connection } = await sockets(t)
  client.write(Buffer.alloc(32 << 20))
  assert.ok(client.writableLength > 0)
  await isRefused(t, client, INVALID)
  connection.resume()
  await once(client, 'drain')
  const [one, other] = pair(t)
  await one.send('a socket', client)
  assert.equal((await messages(t, other, 1))[0].handles.length, 1)
})

test('Channel send(): refuses a TLS socket', { contract: 'H4', ...onlyNode }, async (t) => {
  const { client } = await sockets(t)
  const secure = new tls.TLSSocket(client)
  secure.on('error', () => {})
  t.after(() => secure.destroy())
  await isRefused(t, secure, INVALID)
})

test('Channel send(): refuses a Unix server of Node, names listenUnix()', {
  contract: 'H9',
  ...onlyNode,
}, async (t) => {
  const file = path.join(temporary(t), 'socket')
  const server = net.createServer().listen(file)
  t.after(() => server.close())
  await once(server, 'listening')
  await isRefused(t, server, { code: 'ERR_PROCNATIVE_UNIX_SERVER', message: /listenUnix/ })
  assert.ok(server.listening)
  assert.ok(fs.existsSync(file))
})

test('Channel send(): takes a Unix server of listenUnix()', { contract: 'H9', ...onlyNode }, async (t) => {
  const server = net.createServer().listen({ fd: listenUnix(path.join(temporary(t), 'socket')).take() })
  t.after(() => server.close())
  await until(() => server.listening)
  const [one, other] = pair(t)
  await one.send('a server', server)
  assert.equal((await messages(t, other, 1))[0].handles[0].kind, 'unix-server')
})

// ── Too many descriptors here ──

test('Channel send(): rejects with EMFILE only messages that need duplicates', { contract: 'H2' }, async (t) => {
  const { code, said } = await program(t, 'channel/send-without-descriptors.mjs', [], {
    prefix: limitedTo(40),
  }).ended()
  assert.equal(code, 0)
  for (const { outcomes, received, open } of said) {
    assert.deepEqual(outcomes, [null, 'EMFILE -24', null, 'EMFILE -24', 'EMFILE -24', null])
    // The number of handles of each message.
    assert.deepEqual(received, { 'at once': 2, 'without any': 0, last: 0 })
    assert.equal(open, said[0].open)
  }
  assert.equal(said.length, 3)
})

// ── What the kernel refuses ──

const hasRing = spawnSync(PYTHON, [fixture('channel/with-io-uring.py')]).status === 0

test('Channel send(): rejects only the messages that the kernel refuses', {
  contract: 'H4',
  ...needs('io_uring, which can’t be sent', hasRing),
}, async (t) => {
  const prefix = [PYTHON, fixture('channel/with-io-uring.py')]
  const { code, said } = await program(t, 'channel/send-refused.mjs', [], { prefix }).ended()
  assert.equal(code, 0)
  const refused = 'EINVAL sendmsg'
  assert.deepEqual(said, [
    {
      alone: refused,
      together: [null, null, refused, null, refused, refused, null],
      later: null,
      received: [
        ['first', 1],
        ['second', 1],
        ['third', 2],
        ['last', 1],
        ['later', 1],
      ],
      left: 0,
    },
  ])
})

test(
  'Channel send(): rejects the refused message, later ones in its turn',
  needs('io_uring, which can’t be sent', hasRing),
  async (t) => {
    const prefix = [PYTHON, fixture('channel/with-io-uring.py')]
    const { code, said } = await program(t, 'channel/send-refused-in-turn.mjs', [], { prefix }).ended()
    assert.equal(code, 0)
    const refused = 'EINVAL sendmsg'
    assert.deepEqual(said, [
      { outcomes: [null, null, null, refused, null], came: ['first', 'second', 'third', 'last'] },
      { outcomes: [refused, null, null, null], came: ['then', 'later', 'last'], filled: true },
    ])
  },
)

// ── The peer is gone ──

test('Channel send(): fails with EPIPE without SIGPIPE, peer gone', { contract: 'H4' }, async (t) => {
  let signals = 0
  const count = () => signals++
  process.on('SIGPIPE', count)
  t.after(() => process.off('SIGPIPE', count))
  for (const handles of [[], [files(t, 1)[0]]]) {
    const [one, theirs] = bare(t)
    theirs.close()
    const sent = [one.send('one', handles), one.send('two', handles), one.send('three', handles)]
    for (const { reason } of await Promise.allSettled(sent)) {
      assert.deepEqual([reason?.code, reason?.errno, reason?.syscall], ['EPIPE', -32, 'sendmsg'])
    }
  }
  await turns(10)
  assert.equal(signals, 0)
})

test('Channel send(): fails with ERR_PROCNATIVE_CHANNEL_CLOSED after close() and destroy()', {
  contract: 'H3',
}, async (t) => {
  const [file] = files(t, 1)
  for (const end of ['close', 'destroy']) {
    const [one, other] = pair(t)
    const done = one[end]()
    await assert.rejects(one.send('late'), CLOSED)
    await assert.rejects(one.send('late', file), CLOSED)
    await assert.rejects(sendHandle(one, 'late', file), CLOSED)
    await Promise.all([done, other.close()])
    await assert.rejects(one.send('later', file), CLOSED)
  }
})

test('Channel send(): fails with ERR_PROCNATIVE_CHANNEL_CLOSED after the peer’s end', { contract: 'H3' }, async (t) => {
  const [one, theirs] = bare(t)
  one.on('message', () => {})
  const closed = once(one, 'close')
  theirs.close()
  await closed
  await assert.rejects(one.send('late'), CLOSED)
})

test('Channel: closes with the error, epoll_ctl fails at a turn’s end', async (t) => {
  const [ours, theirs] = socketpair()
  const [full, end] = socketpair()
  assert.throws(() => {
    for (;;) sendFds(full, Buffer.alloc(65_536))
  }, /EAGAIN/)
  const { fd } = ours
  const [from, to] = [ours, theirs].map((handle) => channel(handle))
  t.after(() => {
    for (const one of [from, to]) one.destroy()
    for (const handle of [full, end]) handle.close()
  })
  const failed = once(from, 'error')
  // The test needs an epoll event when there is room, so it uses a socket that epoll does not know.
  dup2(full.fd, fd)
  const expected = { code: 'ENOENT', syscall: 'epoll_ctl' }
  await assert.rejects(from.send('refused'), expected)
  assert.deepEqual(await failed.then(([{ code, syscall }]) => ({ code, syscall })), expected)
  assert.equal(from.closed, true)
})
