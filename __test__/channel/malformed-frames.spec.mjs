// H6: frames that no peer should send cost their sender's channel, with an error that has a code, and nothing else.

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
// Received together, and read together as far as they can be.
const together = (...payloads) => send(Buffer.concat(payloads.map((payload) => frame(payload))))

/** What a channel that was treated like this has told: the error's code, or null, and how many messages before. */
const REFUSED = [
  ['garbage', TOO_LONG, 0, [send(Buffer.alloc(100_000, '\xff\xfe\xfd', 'latin1'))]],
  ['an HTTP request', TOO_LONG, 0, [send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')]],
  ['a length of 2^31', TOO_LONG, 0, [send(header(2 ** 31))]],
  ['a length of 2^32 - 1', TOO_LONG, 0, [send(header(2 ** 32 - 1))]],
  ['a length just over the maximum', TOO_LONG, 0, [send(header(MOST + 1))]],
  ['a length just over the maximum after messages', TOO_LONG, 3, [send(frame('1'), 0, 3), send(header(MOST + 1))]],
  ['a count just over the maximum', TOO_MANY, 0, [send(header(1, MANY + 1))]],
  ['a count of 2^30 - 1', TOO_MANY, 0, [send(header(1, MAX_COUNT))]],
  ['a count of 2^30 - 1 and handles ahead', TOO_MANY, 0, [send(header(1, AHEAD + MAX_COUNT), 253)]],
  ['a carrier with a length', INVALID, 0, [send(frame('1', CARRIER + AHEAD))]],
  ['a carrier with a length and handles', INVALID, 0, [send(frame('1', CARRIER + AHEAD), 2)]],
  ['a carrier with a count', INVALID, 0, [send(header(0, CARRIER + AHEAD + 1), 1)]],
  ['invalid JSON', INVALID, 0, [send(frame('{"a":1'))]],
  ['invalid JSON after messages, with a handle', INVALID, 2, [send(frame('1'), 0, 2), send(frame('nul', 1), 1)]],
  ['two JSON texts in a frame', INVALID, 0, [send(frame('1 2'))]],
  ['two values in a frame', INVALID, 0, [send(frame('1,2'))]],
  ['no JSON text in a frame', INVALID, 0, [send(frame(''))]],
  ['no JSON text in any of two frames', INVALID, 0, [together('', '')]],
  ['one value in two frames', INVALID, 0, [together('[1', '2]')]],
  ['one text in two frames', INVALID, 0, [together('"a', 'b"')]],
  ['three values in three frames, but not one in each', INVALID, 0, [together('1,2', '[3', '4]')]],
  ['five, for what one could put between', INVALID, 1, [together('1', '2,3,4', '[5', '6]', '7')]],
  ['an end and a beginning in a frame', INVALID, 2, [together('1', '2', '3],[4', '5')]],
  ['invalid JSON after a message that is not ASCII', INVALID, 1, [together('"ü😀"', '[3', '"ß"')]],
  ['no UTF-8 after messages', INVALID, 2, [together('1', '"ü"', Buffer.from('22ff22', 'hex'), '4')]],
  ['what is JavaScript and no JSON', INVALID, 0, [send(frame('undefined'))]],
  ['invalid UTF-8', INVALID, 0, [send(frame(Buffer.from('22ff22', 'hex')))]],
  ['UTF-8 that is cut', INVALID, 0, [send(frame(Buffer.from('22e282', 'hex')))]],
  ['UTF-8 of a surrogate', INVALID, 0, [send(frame(Buffer.from('22eda08022', 'hex')))]],
  ['UTF-8 longer than needed', INVALID, 0, [send(frame(Buffer.from('22c1a122', 'hex')))]],
  ['UTF-16', INVALID, 0, [send(frame(Buffer.from('"a"', 'utf16le')))]],
  ['a million arrays in another that have no end', INVALID, 0, [send(frame('['.repeat(deep)))]],
  ['half a header', CUT, 0, [send(header(1).subarray(0, 4)), 'shut']],
  ['a single byte', CUT, 0, [send([0]), 'shut']],
  ['a header only', CUT, 0, [send(header(1)), 'shut']],
  ['half a payload', CUT, 1, [send(frame('1')), send(header(1000)), send('x'.repeat(500)), 'shut']],
  ['half a payload, with handles', CUT, 0, [send(header(1000, 5), 5), send('x'.repeat(500)), 'shut']],
  ['half a header and SIGKILL', CUT, 0, [send(header(1).subarray(0, 4)), 'die']],
  ['half a payload, with handles, and SIGKILL', CUT, 1, [send(frame('1')), send(header(1000, 5), 5), 'die']],
  [
    'half a message and SIGKILL, which resets what has something unread',
    CUT,
    1,
    [send(frame('{"echo":1}')), 'unread', send(header(1000, 5), 5), 'die'],
  ],
]

for (const [title, code, messages, steps] of REFUSED) {
  test(`${title} is ${code}, and costs that channel only`, { contract: 'H6' }, async (t) => {
    const one = await server(t)
    await one.attacked(...steps)
    assert.deepEqual(await one.ended(), { code, messages, handles: 0 })
    await one.isWell()
  })
}

const ALLOWED = [
  ['a message of the maximal length', 1, 0, [send(frame(ofLength(MOST))), 'shut']],
  ['a million arrays in one another', 1, 0, [send(frame(nested(deep))), 'shut']],
  ['a property named __proto__', 1, 0, [send(frame('{"__proto__":{"echo":1}}')), 'shut']],
  [
    'a message with the maximal number of handles',
    1,
    MANY,
    [...Array(4).keys(), 'last']
      .map((slice) => (slice === 'last' ? send(frame('1', MANY), 12) : send(header(0, CARRIER + AHEAD), 253)))
      .concat('shut'),
  ],
  ['null among others', 3, 0, [together('1', 'null', '3'), 'shut']],
  ['white space around each', 3, 0, [together(' 1\n', '\t[ 2 ]\r\n', ' "3" '), 'shut']],
  ['no byte at all', 0, 0, ['shut']],
  ['a message, and gone', 1, 0, [send(frame('1')), 'close']],
]

for (const [title, messages, handles, steps] of ALLOWED) {
  test(`${title} is no error`, { contract: 'H6' }, async (t) => {
    const one = await server(t)
    await one.attacked(...steps)
    assert.deepEqual(await one.ended(), { code: null, messages, handles })
    await one.isWell()
  })
}

test('limits are the listener’s to set', { contract: 'H6' }, async (t) => {
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

// Numbers that look random, and are the same in each run.
function* numbers(seed) {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    yield state >>> 16
  }
}

test('advanced garbage is MESSAGE_INVALID', { contract: 'H6' }, async (t) => {
  const one = await server(t, { serialization: 'advanced' })
  const random = numbers(1)
  // The header of what V8 serializes, with which it looks further; then tags that announce more than there is.
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
