// A peer in Python that was written from docs/wire-format.md: fixtures/peer.py.
// runtimes: node, bun

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { listenChannel } from '../../index.js'
import { needs, temporary, test } from '../helpers/harness.mjs'
import { files, noted, peer, received } from '../helpers/peer.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, run } from '../helpers/run.mjs'
import { PYTHON } from '../helpers/spawned.mjs'

const COUNTS = [0, 1, 253, 254, 1000]
// A thousand files, their duplicates while they wait, and the descriptors at the other end.
const limit = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim()
const manyDescriptors = needs('4,000 descriptors', limit === 'unlimited' || Number(limit) >= 4000)

const SERIALIZATIONS = {
  json: { encode: (value) => value, decode: (message) => message, fromPython: (message) => message },
  raw: {
    encode: (value) => Buffer.from(JSON.stringify(value)),
    decode: (message) => JSON.parse(message.toString()),
    fromPython: (message) => JSON.parse(Buffer.from(message, 'hex').toString()),
  },
}

/** Opens files. Returns for each count that many descriptors, and their inodes. */
function shares(t, counts) {
  const sum = counts.reduce((all, count) => all + count, 0)
  const { fds, inodes } = files(t, sum)
  let start = 0
  return counts.map((count) => {
    const share = { fds: fds.slice(start, start + count), inodes: inodes.slice(start, start + count) }
    start += count
    return share
  })
}

/** Sends each share in one turn, with a message that tells its inodes. Resolves when all are sent. */
const sendAll = (channel, all, encode = (value) => value) =>
  Promise.all(all.map(({ fds, inodes }) => channel.send(encode(inodes), fds)))

for (const [serialization, { encode, decode, fromPython }] of Object.entries(SERIALIZATIONS)) {
  for (const [way, title, counts] of [
    ['carriers', 'in carriers', COUNTS],
    ['slices', 'in slices', COUNTS],
    ['drips', 'one byte at a time', COUNTS],
    ['together', 'ahead of their messages', [0, 1, 100, 0, 0, 152, 0]],
  ]) {
    test(`Channel '${serialization}': receives descriptors from Python ${title}`, {
      contract: 'H7',
      ...manyDescriptors,
    }, async (t) => {
      const { channel, succeeded } = peer(t, ['peer.py', 'send', way, ...counts], { serialization })
      const all = await received(channel)
      assert.deepEqual(
        all.map(({ inodes }) => inodes.length),
        counts,
      )
      for (const { message, inodes } of all) assert.deepEqual(inodes, decode(message))
      await succeeded()
    })
  }

  test(`Channel '${serialization}': sends descriptors to Python in order`, {
    contract: 'H7',
    ...manyDescriptors,
  }, async (t) => {
    const { channel, succeeded } = peer(t, ['peer.py', 'collect'], { serialization })
    const all = shares(t, COUNTS)
    await sendAll(channel, all, encode)
    await channel.close()
    const told = reports(await succeeded())
    assert.deepEqual(
      told.map(({ inodes }) => inodes),
      all.map(({ inodes }) => inodes),
    )
    for (const { message, inodes } of told) assert.deepEqual(fromPython(message), inodes)
  })
}

for (const [title, chunk] of [
  ['', 65_536],
  // Python receives descriptors with the first bytes of many frames, before it has read the other frames.
  [', in pieces', 5],
]) {
  test(`Channel send(): sends 1,000 messages of one turn to Python${title}`, { contract: 'H7' }, async (t) => {
    const { channel, succeeded } = peer(t, ['peer.py', '--chunk', chunk, 'collect'])
    const some = shares(t, [1, 0, 3, 0, 0, 2, 1, 5, 0, 4])
    const all = Array.from({ length: 1000 }, (_, index) => some[index % some.length])
    await sendAll(channel, all)
    await channel.close()
    const told = reports(await succeeded())
    assert.equal(told.length, all.length)
    for (const [index, { message, inodes }] of told.entries()) {
      assert.deepEqual(inodes, all[index].inodes, `message ${index}`)
      assert.deepEqual(message, inodes)
    }
  })
}

test('Channel send(): sends long messages with descriptors to Python', { contract: 'H2 H7' }, async (t) => {
  const { channel, succeeded } = peer(t, ['peer.py', 'collect'])
  const all = shares(t, Array(30).fill(3))
  const padding = 'x'.repeat(300_000)
  await sendAll(channel, all, (value) => [...value, padding])
  await channel.close()
  const told = reports(await succeeded())
  assert.equal(told.length, all.length)
  for (const [index, { message, inodes }] of told.entries()) {
    assert.deepEqual(inodes, all[index].inodes, `message ${index}`)
    assert.deepEqual(message, [...inodes, padding])
  }
})

/** Like `received()`, with a listener. */
async function heard(channel) {
  const all = []
  channel.on('message', (message, handles) => all.push(noted(message, handles)))
  await once(channel, 'close')
  return all
}

for (const [title, receive] of [
  ['a listener', heard],
  ['a loop', received],
]) {
  test(`Channel close(): still gives Python’s answers to ${title}`, {
    contract: 'H7 H14',
    ...manyDescriptors,
  }, async (t) => {
    const { channel, succeeded } = peer(t, ['peer.py', 'echo'])
    const all = shares(t, COUNTS)
    const back = receive(channel)
    const sent = sendAll(channel, all)
    const closed = channel.close()
    assert.deepEqual(
      await back,
      all.map(({ inodes }) => ({ message: inodes, inodes })),
    )
    await Promise.all([sent, closed, succeeded()])
  })
}

test('Channel: sends its queue after Python’s end, then closes', { contract: 'H7' }, async (t) => {
  const { channel, succeeded } = peer(t, ['peer.py', 'last'])
  // Many times the room of the socket, so that this end reads the end of the stream long before it has sent all.
  const messages = Array.from({ length: 40 }, (_, index) => `${index}`.repeat(50_000))
  const sent = messages.map((message) => channel.send(message))
  assert.deepEqual(await heard(channel), [{ message: 'done', inodes: [] }])
  await Promise.all(sent)
  const told = reports(await succeeded())
  assert.deepEqual(
    told.map(({ message }) => message),
    messages,
  )
})

test('listenChannel(): accepts a Python peer', { contract: 'H7' }, async (t) => {
  const address = path.join(temporary(t), 'channel')
  const server = await listenChannel(address)
  t.after(() => server.close())
  const connection = once(server, 'connection')
  const { child, ended } = run(PYTHON, [fixture('peer.py'), '--at', address, 'send', 'carriers', 2, 0])
  const [channel] = await connection
  assert.deepEqual(channel.peer, { pid: child.pid, uid: process.getuid(), gid: process.getgid() })
  const [first, second] = await received(channel)
  assert.deepEqual(first.inodes, first.message)
  assert.deepEqual(second, { message: [], inodes: [] })
  assert.equal((await ended).code, 0)
})
