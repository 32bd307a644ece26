// H5, H6: descriptors that no message announces, or that there is no room for: all of them are closed, and what sent them
// has lost its channel.
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

// As many as there may be for one message, and one slice; and one slice more than that.
const SLICES = 6
const carrier = header(0, CARRIER + AHEAD)

const none = { messages: 0, handles: 0 }
const REFUSED = [
  ['a message without its handle', MISSING, none, [send(frame('1', 1))]],
  ['a message with one handle of two', MISSING, none, [send(frame('1', 2), 1)]],
  ['a message with 253 handles of 254', MISSING, none, [send(frame('1', 254), 253)]],
  [
    'a second message without its handle',
    MISSING,
    { messages: 1, handles: 0 },
    [send(Buffer.concat([frame('1'), frame('2', 1)]))],
  ],
  ['a message with a handle that it does not announce', SURPLUS, { messages: 1, handles: 0 }, [send(frame('1'), 1)]],
  ['a message with two handles that announces one', SURPLUS, { messages: 1, handles: 1 }, [send(frame('1', 1), 2)]],
  [
    'handles left after a message that was sent ahead',
    SURPLUS,
    { messages: 2, handles: 1 },
    [send(frame('1', AHEAD), 2), send(frame('2', 1))],
  ],
  ['handles ahead, and then the end', SURPLUS, { messages: 1, handles: 0 }, [send(frame('1', AHEAD), 3), 'shut']],
  ['a carrier, and then the end', SURPLUS, none, [send(carrier, 253), 'shut']],
  [
    'handles ahead, and then half a message',
    CUT,
    { messages: 1, handles: 0 },
    [send(frame('1', AHEAD), 3), send([1, 0]), 'shut'],
  ],
  ['a flood of carriers', TOO_MANY, none, [send(carrier, 253, SLICES)]],
  ['a flood of carriers without an end', TOO_MANY, none, [send(carrier, 253, 2000)]],
  ['a flood of handles with the bytes of a header', TOO_MANY, none, [send([1], 253, SLICES)]],
  ['a flood of handles with the bytes of a payload', TOO_MANY, none, [send(header(1000, 1)), send('1', 253, SLICES)]],
  ['a flood of handles ahead of messages', TOO_MANY, undefined, [send(frame('1', AHEAD), 253, SLICES)]],
]

for (const [title, code, before, steps] of REFUSED) {
  test(`${title} is ${code}; all is closed`, { contract: 'H6' }, async (t) => {
    const one = await server(t)
    await one.attacked(...steps)
    const { code: told, ...came } = await one.ended()
    assert.equal(told, code)
    // Of messages without an end, those that were read before there was an error have come.
    if (before !== undefined) assert.deepEqual(came, before)
    await one.isWell()
  })
}

test('as many handles ahead as there may be are no error', { contract: 'H6' }, async (t) => {
  const one = await server(t)
  // 1,277: all those of a message, and a slice.
  const slices = [...Array(5).fill(253), 12]
  const ahead = slices.map((fds) => send(carrier, fds))
  const last = [send(frame('1', AHEAD + 1024)), send(frame('2', 253))]
  await one.attacked(...ahead, ...last, 'shut')
  assert.deepEqual(await one.ended(), { code: null, messages: 2, handles: 1277 })
  await one.isWell()
})

test('more handles than may be open are ERR_PROCNATIVE_HANDLES_LOST, and all are closed', {
  contract: 'H5',
}, async (t) => {
  const one = await server(t, {}, { most: 64 })
  for (const [steps, messages] of [
    [[send(frame('1', 100), 100)], 0],
    [[send(frame('1', 250), 250)], 0],
    // Of several messages at once it is not known whose they were that have not come.
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

test('handles that nobody announced are closed at once, though who listens has paused before the error', {
  contract: 'H6',
}, async (t) => {
  const [one, theirs] = bare(t)
  const fds = files(t, 3)
  const before = openCount()
  const failed = once(one, 'error')
  const came = []
  one.on('message', (message) => came.push(message) && one.pause())
  sendFds(theirs, Buffer.concat([frame('1'), frame('2')]), fds)
  await until(() => came.length > 0, 'the first has come')
  assert.equal(openCount(), before)
  one.resume()
  assert.equal((await failed)[0].code, SURPLUS)
  assert.deepEqual(came, [1, 2])
})

test('a socket that is refused, and lingers when it is closed, does not hold up anybody', {
  contract: 'H6',
}, async (t) => {
  const linger = 10
  const [one, other] = pair(t)
  const { end, told } = peer(t, 'channel-lingers.py', [linger, 0])
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
  // Nothing of its channel, nor of what it has passed.
  await until(() => openCount() === before - 1, 'all is closed')
})
