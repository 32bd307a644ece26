// Descriptors that no message announces, that are missing, or that exceed a limit: the channel closes all of them and ends.
// runtimes: node, bun

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { sendFds } from '../../index.js'
import { bare, files, openCount, pair, peer, words } from '../helpers/channels.mjs'
import { test } from '../helpers/harness.mjs'
import { until } from '../helpers/until.mjs'
import { AHEAD, CARRIER, frame, header, send, server } from './helpers/hostile-peer.mjs'

const CUT = 'ERR_PROCNATIVE_MESSAGE_CUT'
const LOST = 'ERR_PROCNATIVE_HANDLES_LOST'
const MISSING = 'ERR_PROCNATIVE_HANDLES_MISSING'
const SURPLUS = 'ERR_PROCNATIVE_HANDLES_SURPLUS'
const TOO_MANY = 'ERR_PROCNATIVE_TOO_MANY_HANDLES'

// One slice of descriptors more than a channel accepts: 1,024 for a message, and a slice.
const SLICES = 6
const carrier = header(0, CARRIER + AHEAD)

const none = { messages: 0, handles: 0 }
const REFUSED = [
  ['a missing handle', MISSING, none, [send(frame('1', 1))]],
  ['one handle of two', MISSING, none, [send(frame('1', 2), 1)]],
  ['253 handles of 254', MISSING, none, [send(frame('1', 254), 253)]],
  [
    'a second message’s missing handle',
    MISSING,
    { messages: 1, handles: 0 },
    [send(Buffer.concat([frame('1'), frame('2', 1)]))],
  ],
  ['an unannounced handle', SURPLUS, { messages: 1, handles: 0 }, [send(frame('1'), 1)]],
  ['two handles, one announced', SURPLUS, { messages: 1, handles: 1 }, [send(frame('1', 1), 2)]],
  ['leftover handles ahead', SURPLUS, { messages: 2, handles: 1 }, [send(frame('1', AHEAD), 2), send(frame('2', 1))]],
  ['handles ahead, then the end', SURPLUS, { messages: 1, handles: 0 }, [send(frame('1', AHEAD), 3), 'shut']],
  ['a carrier, then the end', SURPLUS, none, [send(carrier, 253), 'shut']],
  [
    'handles ahead, then half a message',
    CUT,
    { messages: 1, handles: 0 },
    [send(frame('1', AHEAD), 3), send([1, 0]), 'shut'],
  ],
  ['a flood of carriers', TOO_MANY, none, [send(carrier, 253, SLICES)]],
  ['an endless flood of carriers', TOO_MANY, none, [send(carrier, 253, 2000)]],
  ['floods of handles within a header', TOO_MANY, none, [send([1], 253, SLICES)]],
  ['floods of handles within a payload', TOO_MANY, none, [send(header(1000, 1)), send('1', 253, SLICES)]],
  ['floods of handles ahead of messages', TOO_MANY, undefined, [send(frame('1', AHEAD), 253, SLICES)]],
]

for (const [title, code, before, steps] of REFUSED) {
  test(`Channel: closes all handles after ${title}, ${code}`, { contract: 'H6' }, async (t) => {
    const one = await server(t)
    await one.attacked(...steps)
    const { code: told, ...came } = await one.ended()
    assert.equal(told, code)
    // In an endless flood, the number of messages before the error varies.
    if (before !== undefined) assert.deepEqual(came, before)
    await one.isWell()
  })
}

test('Channel: accepts the maximal number of handles ahead', { contract: 'H6' }, async (t) => {
  const one = await server(t)
  // 1,277: the handles of a message, and a slice.
  const slices = [...Array(5).fill(253), 12]
  const ahead = slices.map((fds) => send(carrier, fds))
  const last = [send(frame('1', AHEAD + 1024)), send(frame('2', 253))]
  await one.attacked(...ahead, ...last, 'shut')
  assert.deepEqual(await one.ended(), { code: null, messages: 2, handles: 1277 })
  await one.isWell()
})

test('Channel: closes all handles of a message if descriptors run out', { contract: 'H5' }, async (t) => {
  const one = await server(t, {}, { most: 64 })
  for (const [steps, messages] of [
    [[send(frame('1', 100), 100)], 0],
    [[send(frame('1', 250), 250)], 0],
    // With several messages at once, the channel can't tell which message lost its handles.
    [[send(Buffer.concat([frame('1', AHEAD + 1), frame('2', 99)]), 100)], 0],
    [[send(frame('1', 1), 1), send(frame('2', 100), 100)], 1],
    [[send(carrier, 253), send(frame('1', 254), 1)], 0],
  ]) {
    await one.attacked(...steps)
    assert.deepEqual(await one.ended(), { code: LOST, messages, handles: messages })
    await one.isWell()
  }
  await one.attacked(send(frame('1', 5), 5), 'shut')
  assert.deepEqual(await one.ended(), { code: null, messages: 1, handles: 5 })
})

test('Channel: closes unannounced handles at once, while a listener pauses', { contract: 'H6' }, async (t) => {
  const [one, theirs] = bare(t)
  const fds = files(t, 3)
  const before = openCount()
  const failed = once(one, 'error')
  const came = []
  one.on('message', (message) => came.push(message) && one.pause())
  sendFds(theirs, Buffer.concat([frame('1'), frame('2')]), fds)
  await until(() => came.length > 0, 'the first message')
  assert.equal(openCount(), before)
  one.resume()
  assert.equal((await failed)[0].code, SURPLUS)
  assert.deepEqual(came, [1, 2])
})

test('Channel: closes a refused lingering socket without a wait', { contract: 'H6' }, async (t) => {
  const linger = 10
  const [one, other] = pair(t)
  const { end, told } = peer(t, 'pass-lingering-socket.py', [linger, 0])
  await told('sent')
  const before = openCount()
  const start = performance.now()
  const failed = once(end, 'error')
  end.on('message', () => {})
  assert.equal((await failed)[0].code, SURPLUS)
  one.send('another')
  assert.deepEqual(await words(t, other, 1), ['another'])
  const took = (performance.now() - start) / 1000
  assert.ok(took < linger / 2, `${took} s`)
  // Neither the channel nor the passed socket is open.
  await until(() => openCount() === before - 1, 'both sockets are closed')
})
