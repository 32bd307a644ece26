// Malformed frames: they close the channel of their sender with an error code, and nothing else.

import assert from 'node:assert/strict'
import { test } from '../helpers/harness.mjs'
import { AHEAD, CARRIER, frame, header, send, server } from './helpers/hostile-peer.mjs'

const CUT = 'ERR_PROCNATIVE_MESSAGE_CUT'
const INVALID = 'ERR_PROCNATIVE_MESSAGE_INVALID'
const TOO_LONG = 'ERR_PROCNATIVE_MESSAGE_TOO_LONG'
const TOO_MANY = 'ERR_PROCNATIVE_TOO_MANY_HANDLES'

const MOST = 16 << 20
const MANY = 1024
const MAX_COUNT = 2 ** 30 - 1

const ofLength = (length) =>
  Buffer.alloc(length, 'x')
    .fill('"', 0, 1)
    .fill('"', length - 1)
const nested = (depth) => '['.repeat(depth) + ']'.repeat(depth)
const deep = 1_000_000
// One send of several frames: the channel reads them together.
const together = (...payloads) => send(Buffer.concat(payloads.map((payload) => frame(payload))))

/** Malformed input: its title, the error code of the channel, the number of messages before, and the steps of the peer. */
const REFUSED = [
  ['garbage', TOO_LONG, 0, [send(Buffer.alloc(100_000, '\xff\xfe\xfd', 'latin1'))]],
  ['an HTTP request', TOO_LONG, 0, [send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')]],
  ['length 2^31', TOO_LONG, 0, [send(header(2 ** 31))]],
  ['length 2^32 - 1', TOO_LONG, 0, [send(header(2 ** 32 - 1))]],
  ['a too long message', TOO_LONG, 0, [send(header(MOST + 1))]],
  ['a too long last message', TOO_LONG, 3, [send(frame('1'), 0, 3), send(header(MOST + 1))]],
  ['one handle too many', TOO_MANY, 0, [send(header(1, MANY + 1))]],
  ['2^30 - 1 handles', TOO_MANY, 0, [send(header(1, MAX_COUNT))]],
  ['2^30 - 1 handles ahead', TOO_MANY, 0, [send(header(1, AHEAD + MAX_COUNT), 253)]],
  ['a carrier with a length', INVALID, 0, [send(frame('1', CARRIER + AHEAD))]],
  ['a long carrier with handles', INVALID, 0, [send(frame('1', CARRIER + AHEAD), 2)]],
  ['a carrier with a count', INVALID, 0, [send(header(0, CARRIER + AHEAD + 1), 1)]],
  ['invalid JSON', INVALID, 0, [send(frame('{"a":1'))]],
  ['messages, then invalid JSON', INVALID, 2, [send(frame('1'), 0, 2), send(frame('nul', 1), 1)]],
  ['two texts in a frame', INVALID, 0, [send(frame('1 2'))]],
  ['two values in a frame', INVALID, 0, [send(frame('1,2'))]],
  ['an empty frame', INVALID, 0, [send(frame(''))]],
  ['two empty frames', INVALID, 0, [together('', '')]],
  ['one value in two frames', INVALID, 0, [together('[1', '2]')]],
  ['one text in two frames', INVALID, 0, [together('"a', 'b"')]],
  ['three values in wrong frames', INVALID, 0, [together('1,2', '[3', '4]')]],
  ['arrays split over five frames', INVALID, 1, [together('1', '2,3,4', '[5', '6]', '7')]],
  ['parts of two arrays together', INVALID, 2, [together('1', '2', '3],[4', '5')]],
  ['invalid JSON after non-ASCII text', INVALID, 1, [together('"ü😀"', '[3', '"ß"')]],
  ['messages, then invalid UTF-8', INVALID, 2, [together('1', '"ü"', Buffer.from('22ff22', 'hex'), '4')]],
  ['JavaScript that is not JSON', INVALID, 0, [send(frame('undefined'))]],
  ['invalid UTF-8', INVALID, 0, [send(frame(Buffer.from('22ff22', 'hex')))]],
  ['cut UTF-8', INVALID, 0, [send(frame(Buffer.from('22e282', 'hex')))]],
  ['a surrogate in UTF-8', INVALID, 0, [send(frame(Buffer.from('22eda08022', 'hex')))]],
  ['overlong UTF-8', INVALID, 0, [send(frame(Buffer.from('22c1a122', 'hex')))]],
  ['UTF-16', INVALID, 0, [send(frame(Buffer.from('"a"', 'utf16le')))]],
  ['a million unclosed arrays', INVALID, 0, [send(frame('['.repeat(deep)))]],
  ['half a header', CUT, 0, [send(header(1).subarray(0, 4)), 'shut']],
  ['a single byte', CUT, 0, [send([0]), 'shut']],
  ['only a header', CUT, 0, [send(header(1)), 'shut']],
  ['half a payload', CUT, 1, [send(frame('1')), send(header(1000)), send('x'.repeat(500)), 'shut']],
  ['half a payload with handles', CUT, 0, [send(header(1000, 5), 5), send('x'.repeat(500)), 'shut']],
  ['half a header, then SIGKILL', CUT, 0, [send(header(1).subarray(0, 4)), 'die']],
  ['half a payload, then SIGKILL', CUT, 1, [send(frame('1')), send(header(1000, 5), 5), 'die']],
  ['half a message, then reset', CUT, 1, [send(frame('{"echo":1}')), 'unread', send(header(1000, 5), 5), 'die']],
]

for (const [title, code, messages, steps] of REFUSED) {
  test(`Channel: closes only itself with ${code} for ${title}`, { contract: 'H6' }, async (t) => {
    const one = await server(t)
    await one.attacked(...steps)
    assert.deepEqual(await one.ended(), { code, messages, handles: 0 })
    await one.isWell()
  })
}

const ALLOWED = [
  ['a message of maximal length', 1, 0, [send(frame(ofLength(MOST))), 'shut']],
  ['a million nested arrays', 1, 0, [send(frame(nested(deep))), 'shut']],
  ['a property named __proto__', 1, 0, [send(frame('{"__proto__":{"echo":1}}')), 'shut']],
  [
    'the maximal number of handles',
    1,
    MANY,
    [...Array(4).keys(), 'last']
      .map((slice) => (slice === 'last' ? send(frame('1', MANY), 12) : send(header(0, CARRIER + AHEAD), 253)))
      .concat('shut'),
  ],
  ['null among other messages', 3, 0, [together('1', 'null', '3'), 'shut']],
  ['white space around JSON texts', 3, 0, [together(' 1\n', '\t[ 2 ]\r\n', ' "3" '), 'shut']],
  ['a peer that sends nothing', 0, 0, ['shut']],
  ['a message before the peer closes', 1, 0, [send(frame('1')), 'close']],
]

for (const [title, messages, handles, steps] of ALLOWED) {
  test(`Channel: accepts ${title}`, { contract: 'H6' }, async (t) => {
    const one = await server(t)
    await one.attacked(...steps)
    assert.deepEqual(await one.ended(), { code: null, messages, handles })
    await one.isWell()
  })
}

test('listenChannel(): applies its maxMessageLength and maxHandles to each peer', { contract: 'H6' }, async (t) => {
  const one = await server(t, { maxMessageLength: 100, maxHandles: 2 })
  for (const [steps, expected] of [
    [[send(frame(ofLength(100))), 'shut'], { code: null, messages: 1, handles: 0 }],
    [[send(header(101))], { code: TOO_LONG, messages: 0, handles: 0 }],
    [[send(frame('1', 2), 2), 'shut'], { code: null, messages: 1, handles: 2 }],
    [[send(frame('1', 3), 3)], { code: TOO_MANY, messages: 0, handles: 0 }],
  ]) {
    await one.attacked(...steps)
    assert.deepEqual(await one.ended(), expected)
  }
  await one.isWell()
})

// ── Serializations ──

// Pseudo-random numbers, the same in each run.
function* numbers(seed) {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    yield state >>> 16
  }
}

test("Channel 'advanced': fails with ERR_PROCNATIVE_MESSAGE_INVALID for garbage", { contract: 'H6' }, async (t) => {
  const one = await server(t, { serialization: 'advanced' })
  const random = numbers(1)
  // The header of V8's format makes V8 read on. The tags after it announce more bytes than there are.
  const version = 'ff0f'
  const payloads = [
    '',
    '00',
    'ff',
    'ffff',
    version,
    `${version}41ffffffff0f`,
    `${version}22ffffffff0f`,
    `${version}5c00`,
  ]
  for (let round = 0; round < 20; round++) {
    const bytes = Array.from({ length: 50 }, () => random.next().value % 256)
    payloads.push(Buffer.from([...bytes]).toString('hex'))
  }
  for (const payload of payloads) {
    await one.attacked(send(frame(Buffer.from(payload, 'hex'), 1), 1))
    assert.deepEqual(await one.ended(), { code: INVALID, messages: 0, handles: 0 }, payload)
  }
  await one.isWell()
})
