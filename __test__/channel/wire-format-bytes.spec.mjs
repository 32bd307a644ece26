// The bytes of docs/wire-format.md on the socket.
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

/** Returns a channel and its other end, a bare socket that the test reads and writes. */
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

/** Receives data and the inodes of up to one slice of descriptors. Returns undefined if there is none, and 'end' at the end. */
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

/** Records the further events of a channel: messages with the inodes of their handles, errors, and the end. */
function heard(one) {
  const said = []
  one.on('message', (message, handles) => said.push(noted(message, handles)))
  one.on('error', (error) => said.push(error.code))
  one.on('close', () => said.push('close'))
  return said
}

// ── Sending ──

for (const [title, options, message, expected] of [
  ['json', {}, { a: 1 }, '07000000 00000000 7b2261223a317d'],
  ['json in UTF-8', {}, 'é', '04000000 00000000 22c3a922'],
  ['json null', {}, null, '04000000 00000000 6e756c6c'],
  ['raw', { serialization: 'raw' }, new Uint8Array([0, 255, 1]), '03000000 00000000 00ff01'],
  ['empty raw', { serialization: 'raw' }, new Uint8Array(), '00000000 00000000'],
]) {
  test(`Channel send(): writes the bytes of docs/wire-format.md, ${title}`, { contract: 'H7' }, async (t) => {
    const { channel, theirs } = bare(t, options)
    await channel.send(message)
    assert.deepEqual(next(theirs), { data: Buffer.from(expected.replaceAll(' ', ''), 'hex'), inodes: [] })
  })
}

test('Channel send(): writes the bytes of docs/wire-format.md, advanced', { contract: 'H7' }, async (t) => {
  const { channel, theirs } = bare(t, { serialization: 'advanced' })
  await channel.send(new Map([[1, 2n]]))
  const { data } = next(theirs)
  assert.equal(data.readUInt32LE(0), data.length - HEADER)
  assert.deepEqual(v8.deserialize(data.subarray(HEADER)), new Map([[1, 2n]]))
})

test('Channel send(): sends two descriptors in order with the frame', { contract: 'H7' }, async (t) => {
  const { channel, theirs } = bare(t)
  const { fds, inodes } = files(t, 2)
  await channel.send(1, fds)
  assert.deepEqual(next(theirs), { data: frame('1', 2), inodes })
})

test('Channel send(): sends 600 descriptors as two carriers and a frame', { contract: 'H7' }, async (t) => {
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

test('Channel send(): sends the turn’s first message alone, then batches', { contract: 'H2 H7' }, async (t) => {
  const { channel, theirs } = bare(t)
  const { fds, inodes } = files(t, 7)
  const sent = Array.from({ length: 600 }, (_, index) => channel.send(index, fds[index % 7]))
  assert.deepEqual(next(theirs), { data: frame('0', 1), inodes: [inodes[0]] })
  await Promise.all(sent)

  let index = 1
  // 200 messages do not wait for more.
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

test('Channel close(): shuts down, closes when the peer has closed', { contract: 'H7 H14' }, async (t) => {
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

// ── Receiving ──

test('Channel: keeps descriptors that come with an earlier frame', { contract: 'H7' }, async (t) => {
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

test('Channel: accepts messages between a carrier and its frame', { contract: 'H7' }, async (t) => {
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

test('Channel: accepts a frame in two parts, descriptors with either', { contract: 'H7' }, async (t) => {
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
      // As a rule, the channel reads the first part before the second one is sent.
      await new Promise(setImmediate)
      sendFds(theirs, whole.subarray(cut), late)
    }
  }
  const expected = Array((whole.length - 1) * 3).fill({ message: ['whole'], inodes })
  await until(() => said.length === expected.length)
  assert.deepEqual(said, expected)
})

for (const [title, message] of [
  ['an end', null],
  ['a reset', 'unread'],
]) {
  test(`Channel 'close': comes without 'error' after ${title} between frames`, { contract: 'H7 H14' }, async (t) => {
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
