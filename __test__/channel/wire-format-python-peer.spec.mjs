// H7: what docs/wire-format.md says, with a peer that was written from it: fixtures/peer.py, in Python.
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
// A thousand files, their duplicates while they are on their way, and what the other end has of them.
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

/** For each count the next descriptors of so many files. */
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

/** Sends all of them in one turn, each with a message that tells its inodes; resolves when they are on their way. */
const sendAll = (channel, all, encode = (value) => value) =>
  Promise.all(all.map(({ fds, inodes }) => channel.send(encode(inodes), fds)))

for (const [serialization, { encode, decode, fromPython }] of Object.entries(SERIALIZATIONS)) {
  for (const [way, title, counts] of [
    ['carriers', 'in carriers', COUNTS],
    ['slices', 'in slices', COUNTS],
    ['drips', 'one byte at a time', COUNTS],
    ['together', 'ahead of their messages', [0, 1, 100, 0, 0, 152, 0]],
  ]) {
    test(`from Python, ${serialization}: descriptors ${title}, each leads to the right inode`, {
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

  test(`to Python, ${serialization}: each descriptor leads to the right inode`, {
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
  // It finds descriptors that came with the first bytes of many frames, and has not read the others.
  [', which reads a few bytes at a time', 5],
]) {
  test(`to Python${title}: 1,000 messages of one turn, with descriptors and without`, { contract: 'H7' }, async (t) => {
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

test('to Python: long messages, which go in parts, and their descriptors with the first of them', {
  contract: 'H2 H7',
}, async (t) => {
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

/** The same as `received()`, by listening. */
async function heard(channel) {
  const all = []
  channel.on('message', (message, handles) => all.push(noted(message, handles)))
  await once(channel, 'close')
  return all
}

for (const [title, receive] of [
  ['who listens', heard],
  ['who iterates', received],
]) {
  test(`what Python sends back comes to ${title}, though this end is done`, {
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

test('when Python is done, what is queued here is sent to the last, and then the channel closes', {
  contract: 'H7',
}, async (t) => {
  const { channel, succeeded } = peer(t, ['peer.py', 'last'])
  // Many times what the socket has room for, so that the end is read long before all is sent.
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

test('Python connects to listenChannel()', { contract: 'H7' }, async (t) => {
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
