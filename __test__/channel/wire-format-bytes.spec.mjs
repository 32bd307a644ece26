// H7: the bytes of docs/wire-format.md, as they are on the socket.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { once } from 'node:events'
import v8 from 'node:v8'
import { channel, recvFds, sendFds, socketpair } from '../../index.js'
import { test } from '../helpers/harness.mjs'
import { files, noted } from '../helpers/peer.mjs'
import { until } from '../helpers/until.mjs'

const HEADER = 8
const CARRIER = 2 ** 30
const AHEAD = 2 ** 31

/** A channel, and the other end of it, which the test itself writes to and reads from. */
function bare(t, options) {
  const [ours, theirs] = socketpair()
  const one = channel(ours, options)
  t.after(() => {
    one.destroy()
    theirs.close()
  })
  return { channel: one, theirs }
}

function frame(payload, count = 0, flags = 0) {
  const bytes = Buffer.from(payload)
  const header = Buffer.alloc(HEADER)
  header.writeUInt32LE(bytes.length, 0)
  header.writeUInt32LE(flags + count, 4)
  return Buffer.concat([header, bytes])
}

/** What was sent, with one slice of descriptors at most; their handles are closed. Undefined if there is nothing now. */
function next(theirs) {
  try {
    const received = recvFds(theirs)
    if (received === null) return 'end'
    const { message: data, inodes } = noted(received.data, received.handles)
    return { data, inodes }
  } catch (error) {
    if (error.code !== 'EAGAIN') throw error
    return undefined
  }
}

/** All that a channel is told from here on: messages, with the inodes of their handles, and how it ends. */
function heard(one) {
  const said = []
  one.on('message', (message, handles) => said.push(noted(message, handles)))
  one.on('error', (error) => said.push(error.code))
  one.on('close', () => said.push('close'))
  return said
}

// ── What is sent ──

for (const [title, options, message, expected] of [
  ['json', {}, { a: 1 }, '07000000 00000000 7b2261223a317d'],
  ['json, in UTF-8', {}, 'é', '04000000 00000000 22c3a922'],
  ['json, of nothing', {}, null, '04000000 00000000 6e756c6c'],
  ['raw', { serialization: 'raw' }, new Uint8Array([0, 255, 1]), '03000000 00000000 00ff01'],
  ['raw, of no bytes', { serialization: 'raw' }, new Uint8Array(), '00000000 00000000'],
]) {
  test(`a frame's bytes: ${title}`, { contract: 'H7' }, async (t) => {
    const { channel, theirs } = bare(t, options)
    await channel.send(message)
    assert.deepEqual(next(theirs), { data: Buffer.from(expected.replaceAll(' ', ''), 'hex'), inodes: [] })
  })
}

test("a frame's bytes: advanced", { contract: 'H7' }, async (t) => {
  const { channel, theirs } = bare(t, { serialization: 'advanced' })
  await channel.send(new Map([[1, 2n]]))
  const { data } = next(theirs)
  assert.equal(data.readUInt32LE(0), data.length - HEADER)
  assert.deepEqual(v8.deserialize(data.subarray(HEADER)), new Map([[1, 2n]]))
})

test("a frame's bytes: with two descriptors, in their order", { contract: 'H7' }, async (t) => {
  const { channel, theirs } = bare(t)
  const { fds, inodes } = files(t, 2)
  await channel.send(1, fds)
  assert.deepEqual(next(theirs), { data: frame('1', 2), inodes })
})

test('600 descriptors: two carriers with 253 each, and the rest with the frame', { contract: 'H7' }, async (t) => {
  const { channel, theirs } = bare(t)
  const { fds, inodes } = files(t, 600)
  await channel.send('many', fds)
  const carrier = Buffer.from('00000000000000c0', 'hex')
  assert.deepEqual(
    [next(theirs), next(theirs), next(theirs), next(theirs)],
    [
      { data: carrier, inodes: inodes.slice(0, 253) },
      { data: carrier, inodes: inodes.slice(253, 506) },
      { data: frame('"many"', 600), inodes: inodes.slice(506) },
      undefined,
    ],
  )
})

test('of one turn, the first message goes at once, and the others together, ahead where descriptors are', {
  contract: 'H2 H7',
}, async (t) => {
  const { channel, theirs } = bare(t)
  const { fds, inodes } = files(t, 7)
  const sent = Array.from({ length: 600 }, (_, index) => channel.send(index, fds[index % 7]))
  assert.deepEqual(next(theirs), { data: frame('0', 1), inodes: [inodes[0]] })
  await Promise.all(sent)

  let index = 1
  // Two hundred need not wait for more.
  for (const expected of [200, 200, 199]) {
    const { data, inodes: came } = next(theirs)
    const last = index + expected
    assert.deepEqual(
      came,
      Array.from({ length: expected }, (_, nth) => inodes[(index + nth) % 7]),
    )
    const frames = []
    for (; index < last; index++) frames.push(frame(`${index}`, 1, index + 1 < last ? AHEAD : 0))
    assert.deepEqual(data, Buffer.concat(frames))
  }
  assert.equal(next(theirs), undefined)
})

test('close() shuts down, and closes when the other end has', { contract: 'H7 H14' }, async (t) => {
  const { channel, theirs } = bare(t)
  const said = heard(channel)
  channel.send('last')
  const closed = channel.close()
  assert.deepEqual(next(theirs), { data: frame('"last"'), inodes: [] })
  assert.equal(await until(() => next(theirs)), 'end')
  sendFds(theirs, frame('"an answer"'))
  await until(() => said.length === 1)
  theirs.close()
  await closed
  assert.deepEqual(said, [{ message: 'an answer', inodes: [] }, 'close'])
})

// ── What is received ──

test('descriptors come with the bytes of a frame before theirs, and are kept', { contract: 'H7' }, async (t) => {
  const { channel, theirs } = bare(t)
  const said = heard(channel)
  const { fds, inodes } = files(t, 3)
  sendFds(theirs, frame('"first"', 0, AHEAD), fds)
  await until(() => said.length === 1)
  sendFds(theirs, frame('"second"', 1, AHEAD))
  await until(() => said.length === 2)
  sendFds(theirs, frame('"third"', 2))
  await until(() => said.length === 3)
  assert.deepEqual(said, [
    { message: 'first', inodes: [] },
    { message: 'second', inodes: inodes.slice(0, 1) },
    { message: 'third', inodes: inodes.slice(1) },
  ])
})

test('messages without descriptors come between a carrier and what it was sent for', { contract: 'H7' }, async (t) => {
  const { channel, theirs } = bare(t)
  const said = heard(channel)
  const { fds, inodes } = files(t, 2)
  sendFds(theirs, frame('', 0, CARRIER + AHEAD), fds)
  sendFds(theirs, frame('1', 0, AHEAD))
  await until(() => said.length === 1)
  sendFds(theirs, frame('2', 2))
  await until(() => said.length === 2)
  assert.deepEqual(said, [
    { message: 1, inodes: [] },
    { message: 2, inodes },
  ])
})

test('a frame is cut anywhere, and its descriptors come with either part', { contract: 'H7' }, async (t) => {
  const { channel, theirs } = bare(t)
  const said = heard(channel)
  const { fds, inodes } = files(t, 2)
  const whole = frame('["whole"]', 2)
  for (let cut = 1; cut < whole.length; cut++) {
    for (const [early, late] of [
      [fds, []],
      [[], fds],
      [[fds[0]], [fds[1]]],
    ]) {
      sendFds(theirs, whole.subarray(0, cut), early)
      // Has it read the first part before there is a second one, as a rule.
      await new Promise(setImmediate)
      sendFds(theirs, whole.subarray(cut), late)
    }
  }
  const expected = Array((whole.length - 1) * 3).fill({ message: ['whole'], inodes })
  await until(() => said.length === expected.length)
  assert.deepEqual(said, expected)
})

for (const [title, message] of [
  ['the end of the stream', null],
  ['a reset, as what was sent is unread there,', 'unread'],
]) {
  test(`${title} at the end of a frame is 'close' and no error`, { contract: 'H7 H14' }, async (t) => {
    const { channel, theirs } = bare(t)
    const said = heard(channel)
    if (message !== null) await channel.send(message)
    sendFds(theirs, frame('"last"'))
    const closed = once(channel, 'close')
    theirs.close()
    await closed
    assert.deepEqual(said, [{ message: 'last', inodes: [] }, 'close'])
    assert.equal(channel.closed, true)
  })
}
