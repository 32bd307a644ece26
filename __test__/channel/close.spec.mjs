// The end of a channel: close() and destroy() of this end, and the end of the peer.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { sendFds } from '../../index.js'
import {
  arrived,
  bare,
  CLOSED,
  events,
  files,
  frames,
  messages,
  openCount,
  pair,
  turns,
  watch,
  words,
} from '../helpers/channels.mjs'
import { test } from '../helpers/harness.mjs'
import { until } from '../helpers/until.mjs'

const numbers = (count) => [...Array(count).keys()]
const LONG = 'x'.repeat(1 << 20)

/** Returns the bytes of a message, for a bare socket. */
function frame(text, count = 0) {
  const head = Buffer.alloc(8)
  head.writeUInt32LE(Buffer.byteLength(text))
  head.writeUInt32LE(count, 4)
  return Buffer.concat([head, Buffer.from(text)])
}

// ── close() ──

test('Channel close(): sends queued messages, resolves when the peer has closed', { contract: 'H14' }, async (t) => {
  const [one, theirs] = bare(t)
  const [file] = files(t, 1)
  const all = events(one)
  const sent = [one.send(LONG), ...numbers(50).map((number) => one.send(number, Array(number).fill(file)))]
  const closed = one.close()
  const watched = watch(closed)
  await turns(20)
  assert.equal(watched.settled, false)
  const parts = []
  let handles = 0
  for (let ended = false; !ended; await turns(1)) {
    const found = arrived(t, theirs)
    parts.push(found.data)
    handles += found.handles.length
    ended = found.ended
  }
  await Promise.all(sent)
  assert.deepEqual(
    frames(Buffer.concat(parts)).map(({ text }) => JSON.parse(text)),
    [LONG, ...numbers(50)],
  )
  assert.equal(handles, (49 * 50) / 2)
  // close() shuts down its own direction only.
  await turns()
  assert.deepEqual([watched.settled, all], [false, []])
  sendFds(theirs, frame('"late"'))
  await turns()
  assert.deepEqual([watched.settled, all], [false, []])
  theirs.close()
  await closed
  await turns(5)
  assert.deepEqual([one.closed, all], [true, ['close']])
})

test('Channel: closes when the peer closes, with or without a listener', { contract: 'H14' }, async (t) => {
  for (const listens of [true, false]) {
    const [one, other] = pair(t)
    const all = [events(one), events(other)]
    if (listens) other.on('message', () => {})
    await Promise.all([one.close(), once(other, 'close')])
    await turns(5)
    assert.deepEqual(all, [['close'], ['close']])
    assert.deepEqual([one.closed, other.closed], [true, true])
  }
})

test('Channel close(): resolves when both ends call it at once', { contract: 'H14' }, async (t) => {
  for (const queued of [0, 1, 100]) {
    const [one, other] = pair(t)
    const all = [events(one), events(other)]
    for (const number of numbers(queued)) for (const end of [one, other]) end.send(number ? number : LONG)
    await Promise.all([one.close(), other.close()])
    await turns(5)
    assert.deepEqual(all, [['close'], ['close']])
  }
})

test('Channel close(): resolves on repeated calls, after the end, and at destroy()', { contract: 'H14' }, async (t) => {
  const [one, other] = pair(t)
  const all = events(one)
  const closing = [one.close(), one.close()]
  other.close()
  await Promise.all(closing)
  await one.close()
  const [, theirs] = bare(t)
  const [another] = bare(t)
  const end = another.close()
  another.destroy()
  await end
  await turns(5)
  assert.deepEqual(all, ['close'])
  theirs.close()
})

test('Channel close(): drops later messages, and closes their handles', { contract: 'H14' }, async (t) => {
  const [one, other] = pair(t)
  const [file] = files(t, 1)
  const before = openCount()
  for (const number of numbers(300)) other.send(number, file)
  other.send(LONG, Array(300).fill(file))
  await Promise.all([one.close(), other.close()])
  assert.equal(openCount(), before - 2)
})

for (const [title, listen] of [
  [
    'listens',
    (one) => {
      const found = []
      one.on('message', (message) => found.push(message))
      return () => found
    },
  ],
  [
    'iterates',
    (one) => {
      const all = (async () => {
        const found = []
        for await (const { message } of one) found.push(message)
        return found
      })()
      return () => all
    },
  ],
]) {
  test(`Channel close(): delivers later messages if the caller ${title}`, { contract: 'H14' }, async (t) => {
    const [one, other] = pair(t)
    const found = listen(one)
    const closed = one.close()
    for (const number of numbers(100)) other.send(number)
    await Promise.all([closed, other.close()])
    assert.deepEqual(await found(), numbers(100))
  })
}

test("Channel 'close': comes after all messages that the peer sent before", { contract: 'H14' }, async (t) => {
  const [one, other] = pair(t)
  const [file] = files(t, 1)
  const sent = [one.send(LONG), ...numbers(300).map((number) => one.send(number, file)), one.send('last')]
  const closed = one.close()
  assert.equal((await messages(t, other, 301)).at(-1).message, 299)
  await turns()
  assert.equal(other.closed, false)
  assert.deepEqual(await words(t, other, 1), ['last'])
  await Promise.all([closed, ...sent])
})

test("Channel 'close': waits while a listener pauses between the last messages", { contract: 'H14' }, async (t) => {
  const [one, other] = pair(t)
  const found = []
  other.on('message', (message) => {
    found.push(message)
    if (message === 5) other.pause()
  })
  other.on('close', () => found.push('close'))
  for (const number of numbers(20)) one.send(number)
  const closed = one.close()
  await until(() => found.length > 5)
  await turns()
  assert.deepEqual(found, numbers(6))
  other.resume()
  await closed
  await turns(5)
  assert.deepEqual(found, [...numbers(20), 'close'])
})

test('Channel: sends its queued messages after the peer has closed', { contract: 'H14' }, async (t) => {
  const [one, other] = pair(t)
  other.on('message', () => {})
  const sent = [other.send(LONG), ...numbers(50).map((number) => other.send(number))]
  const found = []
  one.on('message', (message) => found.push(message))
  await one.close()
  await Promise.all(sent)
  assert.deepEqual(found, [LONG, ...numbers(50)])
})

// ── destroy() ──

test('Channel destroy(): rejects queued messages, and closes at once', { contract: 'H14' }, async (t) => {
  const [one, theirs] = bare(t)
  const [file] = files(t, 1)
  const all = events(one)
  const before = openCount()
  const sent = [one.send(LONG), one.send('queued', file), one.send('more', file)]
  one.destroy()
  one.destroy()
  assert.equal(one.closed, true)
  assert.equal(openCount(), before - 1)
  for (const { reason } of await Promise.allSettled(sent)) assert.equal(reason?.code, CLOSED.code)
  await turns(5)
  assert.deepEqual(all, ['close'])
  while (!arrived(t, theirs).ended);
})

test("Channel destroy(): rejects with its error, emits 'error', then 'close'", { contract: 'H14' }, async (t) => {
  const [one] = bare(t)
  const all = events(one)
  const error = new Error('enough')
  const sent = [one.send(LONG), one.send('queued')]
  const closing = one.close()
  one.destroy(error)
  one.destroy(new Error('too late'))
  for (const { reason } of await Promise.allSettled(sent)) assert.equal(reason, error)
  await Promise.allSettled([closing])
  await turns(5)
  assert.deepEqual(all, [error, 'close'])
})

test('Channel: methods have no effect after the end', { contract: 'H14' }, async (t) => {
  const [one] = bare(t)
  const all = events(one)
  one.destroy()
  await once(one, 'close').catch(() => {})
  await turns(5)
  one.destroy(new Error('too late'))
  one.on('message', () => {})
  for (const name of ['pause', 'resume', 'ref', 'unref']) assert.equal(one[name](), one)
  await one.close()
  await turns(5)
  assert.deepEqual([all, one.closed, one.peer], [['close'], true, null])
})

test("Channel 'close': comes when all descriptors of the channel are closed", { contract: 'H14' }, async (t) => {
  const before = openCount()
  const [one, other] = pair(t)
  const seen = []
  for (const end of [one, other]) end.on('close', () => seen.push(openCount()))
  await one.close()
  await until(() => seen.length === 2)
  assert.equal(seen[1], before)
})
