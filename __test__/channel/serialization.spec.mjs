// The messages of a channel in each serialization. Handles are in received-handles.spec.mjs.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { channel, socketpair } from '../../index.js'
import { messages, pair, words } from '../helpers/channels.mjs'
import { test } from '../helpers/harness.mjs'
import { until } from '../helpers/until.mjs'

const MiB = 1 << 20

const PLAIN = [
  null,
  true,
  0,
  -1.5,
  1e300,
  '',
  'text',
  'zwölf € 😀',
  'NUL \0 and \u2028',
  // Lone surrogates, for which UTF-8 has no bytes.
  'a\ud83d',
  '\ude00b',
  [],
  {},
  [1, [2, { three: [null] }]],
  { 'key €': { '': 'empty' } },
]

// Values that JSON can't express.
const CLONED = [
  undefined,
  Number.NaN,
  -0,
  12n,
  new Date(0),
  /a+/gi,
  new Map([[{ a: 1 }, new Set([1, 'two'])]]),
  new Uint8Array([1, 2, 3]),
  new Float64Array([0.5, -0]),
  new RangeError('of the message'),
]

const BYTES = [Buffer.alloc(0), Buffer.from([0]), Buffer.from('zwölf €'), Buffer.from([...Array(256).keys()])]

for (const [serialization, values] of [
  ['json', PLAIN],
  ['advanced', [...PLAIN, ...CLONED]],
  ['raw', BYTES],
]) {
  test(`Channel '${serialization}': delivers equal messages in order, both ways at once`, {
    contract: 'H3',
  }, async (t) => {
    const ends = pair(t, { serialization })
    const [sent, received] = [[], []]
    for (const [index, end] of ends.entries()) {
      received.push(words(t, ends[1 - index], values.length))
      sent.push(...values.map((value) => end.send(value)))
    }
    for (const all of await Promise.all(received)) assert.deepEqual(all, values)
    assert.deepEqual([...new Set(await Promise.all(sent))], [undefined])
  })

  test(`Channel '${serialization}': delivers 3,000 messages of all lengths in order`, { contract: 'H3' }, async (t) => {
    const ends = pair(t, { serialization })
    // Up to 64 KiB, most of them short.
    const lengths = Array.from({ length: 3000 }, (_, index) => (index % 100 ? index % 300 : (index * 7919) % 65_537))
    const all = lengths.map((length, index) => {
      const text = `${index} `.padEnd(length, '.')
      return serialization === 'raw' ? Buffer.from(text) : text
    })
    const received = ends.map((end) => words(t, end, all.length))
    for (const message of all) for (const end of ends) end.send(message)
    for (const found of await Promise.all(received)) assert.deepEqual(found, all)
  })

  test(`Channel '${serialization}': delivers 20 MiB between two short messages`, { contract: 'H3' }, async (t) => {
    const ends = pair(t, { serialization, maxMessageLength: 32 * MiB })
    const bytes = randomBytes(15 * MiB)
    const [large, small] =
      serialization === 'raw' ? [randomBytes(20 * MiB), bytes.subarray(0, 1)] : [bytes.toString('base64'), 'a']
    const received = words(t, ends[1], 3)
    await Promise.all([small, large, small].map((message) => ends[0].send(message)))
    const found = await received
    assert.ok(found[1].length >= 20 * MiB)
    // deepEqual() would print 20 MiB.
    assert.ok(Buffer.from(large).equals(Buffer.from(found[1])))
    assert.deepEqual([found[0], found[2]], [small, small])
  })
}

test('Channel send(): takes the message as it is at the call', { contract: 'H3' }, async (t) => {
  const [one, other] = pair(t)
  const received = words(t, other, 3)
  const message = { changed: 0, at: new Date(0), left: undefined }
  // The first message goes out at once, the others wait.
  for (let i = 0; i < 3; i++) {
    message.changed = i
    one.send(message)
  }
  message.changed = 'later'
  const at = '1970-01-01T00:00:00.000Z'
  assert.deepEqual(
    await received,
    [0, 1, 2].map((changed) => ({ changed, at })),
  )
})

test("Channel 'raw': receives Buffers that no later message changes", { contract: 'H3' }, async (t) => {
  const [one, other] = pair(t, { serialization: 'raw' })
  const all = Array.from({ length: 2000 }, (_, index) => new Uint8Array(100).fill(index))
  const received = words(t, other, all.length)
  for (const bytes of all) one.send(bytes)
  for (const [index, bytes] of (await received).entries()) {
    assert.ok(Buffer.isBuffer(bytes))
    assert.deepEqual([...bytes], [...all[index]])
  }
})

test("Channel 'raw': sends only the bytes of a view", { contract: 'H3' }, async (t) => {
  const [one, other] = pair(t, { serialization: 'raw' })
  const whole = Uint8Array.from(Array(100).keys())
  one.send(whole.subarray(10, 20))
  one.send(whole.subarray(20, 20))
  const [some, none] = await words(t, other, 2)
  assert.deepEqual([...some], [10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
  assert.equal(none.length, 0)
})

test('Channel: accepts a message of exactly maxMessageLength bytes', { contract: 'H6' }, async (t) => {
  const [one, other] = pair(t, { serialization: 'raw', maxMessageLength: 1000 })
  one.send(Buffer.alloc(1000, 'x'))
  assert.deepEqual(await words(t, other, 1), [Buffer.alloc(1000, 'x')])
})

const circular = {}
circular.self = circular
// Exceeds any stack.
const endless = { toJSON: () => JSON.stringify(endless) }

// Instances of the class that are no arrays.
const NO_BYTES = [new Proxy(new Uint8Array(1), {}), Object.create(Uint8Array.prototype)]

for (const [serialization, values, message] of [
  ['json', [undefined, () => {}, Symbol('none'), 12n, circular, endless], 'next'],
  ['advanced', [() => {}, Symbol('none'), { inner: () => {} }], 'next'],
  [
    'raw',
    [...NO_BYTES, undefined, null, 'text', 1, [1], new ArrayBuffer(1), new Uint16Array(1), {}],
    Buffer.from('next'),
  ],
]) {
  test(`Channel '${serialization}': refuses values that it can’t send, and continues`, {
    contract: 'E2',
  }, async (t) => {
    const [one, other] = pair(t, { serialization })
    for (const value of values) await assert.rejects(one.send(value), { code: 'ERR_INVALID_ARG_TYPE' })
    // The same while other messages wait.
    const first = one.send(message)
    const refused = values.map((value) => assert.rejects(one.send(value), { code: 'ERR_INVALID_ARG_TYPE' }))
    await Promise.all([first, one.send(message), ...refused])
    assert.deepEqual(await words(t, other, 2), [message, message])
  })
}

test('Channel: keeps messages that came before channel() and a listener', { contract: 'H3' }, async (t) => {
  const [ours, theirs] = socketpair()
  const one = channel(ours)
  t.after(() => one.destroy())
  await one.send('before there was a channel')
  const other = channel(theirs)
  t.after(() => other.destroy())
  await one.send('before there was a listener')
  assert.deepEqual(await words(t, other, 2), ['before there was a channel', 'before there was a listener'])
})

test('Channel: carries 1,000 answers sent in listeners', { contract: 'H3' }, async (t) => {
  const [one, other] = pair(t)
  other.on('message', (message) => other.send(message + 1))
  const last = new Promise((resolve) => {
    one.on('message', (message) => (message < 1000 ? one.send(message + 1) : resolve(message)))
  })
  one.send(0)
  assert.equal(await last, 1001)
  // No further message comes.
  other.removeAllListeners('message')
  one.removeAllListeners('message')
  const next = messages(t, one, 1)
  other.send('the end')
  assert.equal((await next)[0].message, 'the end')
})

test("Channel 'advanced': gives each message’s bytes a buffer of their own", { contract: 'H6' }, async (t) => {
  const [one, other] = pair(t, { serialization: 'advanced' })
  const sent = [
    { hello: 1 },
    { data: new Uint8Array([1, 2, 3, 4]) },
    { next: 'a SECRET of others' },
    { data: Buffer.from('fives') },
    { data: new Float64Array([0.5, 1.5]) },
    { next: 3 },
  ]
  for (const message of sent) one.send(message)
  const buffers = new Set()
  const found = []
  other.on('message', (message) => {
    found.push(structuredClone(message))
    if (!message.data) return
    const { buffer } = message.data
    assert.equal(Buffer.from(buffer).includes('SECRET'), false)
    assert.equal(buffers.has(buffer), false)
    buffers.add(buffer)
    // A transfer must not harm later messages. Unaligned numbers of eight bytes are in a pool of Node's, which can't be
    // transferred.
    if (!(message.data instanceof Float64Array)) structuredClone(message.data, { transfer: [buffer] })
  })
  const failed = once(other, 'error')
  await Promise.race([until(() => found.length === sent.length), failed.then(([error]) => assert.fail(error))])
  // structuredClone() makes a Uint8Array of a Buffer.
  const plain = sent.map(({ data, ...rest }) =>
    Buffer.isBuffer(data) ? { data: new Uint8Array(data) } : data ? { data } : rest,
  )
  assert.deepEqual(found, plain)
  assert.equal(buffers.size, 3)
})
