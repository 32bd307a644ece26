// Peers that are slow, many, gone, or never read.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { channel, connectChannel, listenChannel, socketpair } from '../../index.js'
import { needs, temporary, test } from '../helpers/harness.mjs'
import { files } from '../helpers/peer.mjs'
import { descriptors } from '../helpers/proc.mjs'
import { fixture, run } from '../helpers/run.mjs'
import { PYTHON } from '../helpers/spawned.mjs'
import { attack, frame, header, send, server } from './helpers/hostile-peer.mjs'

const MiB = 1 << 20
const CUT = 'ERR_PROCNATIVE_MESSAGE_CUT'
const TOO_LONG = 'ERR_PROCNATIVE_MESSAGE_TOO_LONG'

const limit = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim()
const manyDescriptors = needs('3,000 descriptors', limit === 'unlimited' || Number(limit) >= 3000)

/** Waits for the end of `count` channels. Returns the number of channels by error code. */
async function endings(one, count) {
  const counts = {}
  for (let index = 0; index < count; index++) {
    const { code } = await one.ended()
    counts[code] = (counts[code] ?? 0) + 1
  }
  return counts
}

test('listenChannel(): survives 2,000 peers with garbage or half a message', {
  contract: 'H6',
  ...manyDescriptors,
}, async (t) => {
  const one = await server(t)
  const crowd = await one.crowd(t, 2000, Buffer.alloc(0), Buffer.alloc(100, 255), header(5), frame('1'))
  await one.friend()
  await crowd.leave()
  assert.deepEqual(await endings(one, 2000), { null: 1000, [TOO_LONG]: 500, [CUT]: 500 })
  await one.isWell()
})

test('Channel: allocates nothing for an announced length without its bytes', { contract: 'H6' }, async (t) => {
  const one = await server(t)
  const crowd = await one.crowd(t, 200, Buffer.concat([header(16 * MiB), Buffer.from('"')]))
  await one.isWell({ open: 200, resident: 32 * MiB })
  await crowd.leave()
  assert.deepEqual(await endings(one, 200), { [CUT]: 200 })
  await one.isWell({ resident: 32 * MiB })
})

test('Channel: a peer that sends single bytes delays no other peer', { contract: 'H6' }, async (t) => {
  const one = await server(t)
  const crowd = await one.crowd(t, 50, ...Array.from({ length: 9 }, (_, length) => frame('1234').subarray(0, length)))
  let isOver = false
  const slow = run(PYTHON, [fixture('peer.py'), '--at', one.address, 'send', 'drips', 3, 0]).ended.then((how) => {
    isOver = true
    return how
  })
  let served = 0
  for (; !isOver || served < 100; served++) await one.friend()
  const { code, stderr } = await slow
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  assert.deepEqual(await one.ended(), { code: null, messages: 2, handles: 3 })
  await crowd.leave()
  // One peer of nine has sent nothing.
  assert.deepEqual(await endings(one, 50), { null: 6, [CUT]: 44 })
  await one.isWell()
})

for (const [title, steps] of [
  ['with nothing unread', [send(frame('1', 1), 1, 1000), 'close']],
  ['with an answer unread', [send(frame('{"echo":1}', 1), 1), 'unread', send(frame('1', 1), 1, 999), 'close']],
  ['with many answers unread', [send(frame('{"echo":1}', 1), 1, 1000), 'unread', 'close']],
]) {
  test(`Channel: delivers 1,000 messages, peer closes ${title}`, { contract: 'H6' }, async (t) => {
    const one = await server(t)
    await one.attacked(...steps)
    assert.deepEqual(await one.ended(), { code: null, messages: 1000, handles: 1000 })
    await one.isWell()
  })
}

// ── Ends that never read ──

/** Returns a channel whose peer takes these steps. `closed` resolves when all sent descriptors are closed everywhere. */
async function attacked(t, ...steps) {
  const address = path.join(temporary(t), 'channel')
  const listener = await listenChannel(address)
  t.after(() => listener.close())
  const connection = once(listener, 'connection')
  const { child, ended } = attack(address, ...steps, 'tell')
  const told = once(child.stdout, 'data')
  const [one] = await connection
  t.after(() => one.destroy())
  return { one, told, closed: ended }
}

// Up to the room of the socket, and more messages than one read takes.
const SOME = send(frame('1', 1), 1, 50)

test('Channel destroy(): closes handles of a channel that never listened', { contract: 'H5' }, async (t) => {
  const { one, told, closed } = await attacked(t, SOME)
  await told
  one.destroy()
  await closed
})

test('Channel destroy(): closes handles of messages that wait while paused', { contract: 'H5' }, async (t) => {
  const { one, told, closed } = await attacked(t, SOME)
  await told
  let heard = 0
  const first = new Promise((resolve) => {
    one.on('message', (_, [handle]) => {
      heard++
      handle.close()
      one.pause()
      resolve()
    })
  })
  await first
  one.destroy()
  await closed
  assert.equal(heard, 1)
})

test('Channel destroy(): closes handles of messages after a left loop', { contract: 'H5' }, async (t) => {
  const { one, told, closed } = await attacked(t, SOME)
  await told
  for await (const { handles } of one) {
    handles[0].close()
    break
  }
  one.destroy()
  await closed
})

test('Channel destroy(): closes handles of half a message', { contract: 'H5' }, async (t) => {
  const { one, told, closed } = await attacked(t, send(header(10, 50), 50))
  one.on('message', () => {})
  await told
  one.destroy()
  await closed
})

test('Channel send(): stays pending until destroy(), peer never reads', { contract: 'H3' }, async (t) => {
  const [ours, theirs] = socketpair()
  const one = channel(ours)
  t.after(() => theirs.close())
  const { fds } = files(t, 3)
  // More bytes than the socket has room for.
  const first = 'x'.repeat(MiB)
  const settled = []
  const promises = [first, 'second', 'third'].map((message) => one.send(message, fds))
  for (const promise of promises)
    promise.then(
      () => settled.push(null),
      (error) => settled.push(error.code),
    )
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate)
  assert.deepEqual(settled, [])

  const open = Object.keys(descriptors()).length
  const error = new Error('enough')
  const told = once(one, 'error')
  one.destroy(error)
  assert.deepEqual(await told, [error])
  for (const promise of promises) await assert.rejects(promise, error)
  await assert.rejects(one.send('fourth'), { code: 'ERR_PROCNATIVE_CHANNEL_CLOSED' })
  // At least its own descriptor, and the duplicates of unsent messages.
  assert.ok(open - Object.keys(descriptors()).length >= 7)
})

test('Channel destroy(): rejects sends with ERR_PROCNATIVE_CHANNEL_CLOSED, without an error argument', {
  contract: 'H3',
}, async (t) => {
  const [ours, theirs] = socketpair()
  const one = channel(ours)
  t.after(() => theirs.close())
  const promise = one.send('x'.repeat(MiB))
  one.destroy()
  await assert.rejects(promise, { code: 'ERR_PROCNATIVE_CHANNEL_CLOSED' })
})

test('Channel: a peer that never reads delays no other peer', { contract: 'H3' }, async (t) => {
  const one = await server(t)
  const deaf = await connectChannel(one.address)
  t.after(() => deaf.destroy())
  const promises = Array.from({ length: 100 }, () => deaf.send({ echo: 'x'.repeat(MiB / 10) }))
  await Promise.all(promises)
  for (let round = 0; round < 100; round++) await one.friend()
})
