// Iterating over a channel with `for await`.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { sendFds } from '../../index.js'
import { bare, events, files, openCount, pair, program, turns, watch } from '../helpers/channels.mjs'
import { test } from '../helpers/harness.mjs'
import { until } from '../helpers/until.mjs'

const numbers = (count, from = 0) => Array.from({ length: count }, (_, index) => from + index)

/** Iterates until `count` messages came, or to the end. Returns the messages, and closes their handles. */
async function some(channel, count = Number.POSITIVE_INFINITY) {
  const found = []
  for await (const { message, handles } of channel) {
    found.push(message)
    for (const handle of handles) handle.close()
    if (found.length === count) break
  }
  return found
}

test('Channel iteration: yields messages with their handles until the peer closes', { contract: 'H14' }, async (t) => {
  const [one, other] = pair(t)
  const [file] = files(t, 1)
  for (const number of numbers(200)) one.send(number, Array(number % 3).fill(file))
  const closed = one.close()
  let index = 0
  for await (const { message, handles, ...rest } of other) {
    assert.deepEqual([message, handles.length, rest], [index, index % 3, {}])
    for (const handle of handles) handle.close()
    index++
  }
  assert.equal(index, 200)
  await closed
})

test('Channel pause(): holds back read messages from a loop', async (t) => {
  const [one, other] = pair(t)
  for (const number of numbers(3)) one.send(number)
  const messages = other[Symbol.asyncIterator]()
  assert.equal((await messages.next()).value.message, 0)
  other.pause()
  const next = messages.next()
  const state = watch(next)
  await turns()
  assert.equal(state.settled, false)
  other.resume()
  assert.equal((await next).value.message, 1)
})

test('Channel iteration: leaves the channel open, and continues in another loop', { contract: 'H14' }, async (t) => {
  const [one, other] = pair(t)
  const [file] = files(t, 1)
  for (const number of numbers(100)) one.send(number, file)
  assert.deepEqual(await some(other, 1), [0])
  assert.deepEqual(await some(other, 10), numbers(10, 1))
  assert.equal(other.closed, false)
  // An error of the body leaves the loop, too.
  await assert.rejects(
    (async () => {
      for await (const { message, handles } of other) {
        for (const handle of handles) handle.close()
        throw new Error(`at ${message}`)
      }
    })(),
    { message: 'at 11' },
  )
  await turns(10)
  // A listener can continue after the loop.
  const received = []
  other.on('message', (message, handles) => {
    received.push(message)
    for (const handle of handles) handle.close()
  })
  one.send(100)
  while (received.length < 89) await turns(1)
  assert.deepEqual(received, numbers(89, 12))
})

test('Channel iteration: reads the socket only while a loop runs', { contract: 'H14' }, async (t) => {
  const [one, other] = pair(t)
  await one.send('one')
  assert.deepEqual(await some(other, 1), ['one'])
  const [file] = files(t, 1)
  const before = openCount()
  await one.send('two', Array(20).fill(file))
  await turns()
  assert.equal(openCount(), before)
  assert.deepEqual(await some(other, 1), ['two'])
})

test('Channel iteration: waits for messages, and ends at destroy()', { contract: 'H14' }, async (t) => {
  const [one, other] = pair(t)
  const found = []
  const all = (async () => {
    for await (const { message } of other) found.push(message)
  })()
  await turns(10)
  await one.send('late')
  await until(() => found.length === 1, 'the first')
  await turns(10)
  await one.send('later')
  await until(() => found.length === 2, 'the second')
  other.destroy()
  await all
  assert.deepEqual(found, ['late', 'later'])
  assert.deepEqual(await some(other), [])
})

test('Channel iteration: answers several next() calls in order', { contract: 'H14' }, async (t) => {
  const [one, other] = pair(t)
  const iterator = other[Symbol.asyncIterator]()
  const asked = numbers(5).map(() => iterator.next())
  for (const number of numbers(3)) one.send(number)
  const first = await Promise.all(asked.slice(0, 3))
  assert.deepEqual(
    first.map(({ done, value }) => [done, value.message]),
    [
      [false, 0],
      [false, 1],
      [false, 2],
    ],
  )
  one.close()
  for (const { done, value } of await Promise.all(asked.slice(3))) assert.deepEqual([done, value], [true, undefined])
  assert.equal((await iterator.next()).done, true)
})

test("Channel iteration: throws the error after earlier messages, without an 'error' listener", {
  contract: 'H14',
}, async (t) => {
  const [one, theirs] = bare(t)
  const received = []
  const fails = (async () => {
    for await (const { message } of one) received.push(message)
  })()
  const text = Buffer.from('"good"')
  const head = Buffer.from([text.length, 0, 0, 0, 0, 0, 0, 0])
  sendFds(theirs, Buffer.concat([head, text, head, text, Buffer.alloc(8, 0x7f)]))
  await assert.rejects(fails, { code: 'ERR_PROCNATIVE_MESSAGE_TOO_LONG' })
  assert.deepEqual(received, ['good', 'good'])
  assert.equal(one.closed, true)
  assert.deepEqual(await some(one), [])
})

test('Channel iteration: throws an error that came during the loop’s body', { contract: 'H14' }, async (t) => {
  for (const wait of [0, 50]) {
    const [one, theirs] = bare(t)
    const received = []
    const fails = (async () => {
      for await (const { message } of one) {
        received.push(message)
        if (received.length === 1) sendFds(theirs, Buffer.alloc(8, 0x7f))
        await turns(wait)
      }
    })()
    sendFds(theirs, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 0x37]))
    await assert.rejects(fails, { code: 'ERR_PROCNATIVE_MESSAGE_TOO_LONG' })
    assert.deepEqual(received, [7])
  }
})

test('Channel iteration: throws an error that came before break', { contract: 'H14' }, async (t) => {
  const [one, theirs] = bare(t)
  const left = (async () => {
    for await (const { message } of one) {
      assert.equal(message, 7)
      await until(() => one.closed)
      break
    }
  })()
  const good = [1, 0, 0, 0, 0, 0, 0, 0, 0x37]
  sendFds(theirs, Buffer.from([...good, ...Array(8).fill(0x7f)]))
  await assert.rejects(left, { code: 'ERR_PROCNATIVE_MESSAGE_TOO_LONG' })
})

test('Channel iteration: throws the error of a destroy() during its body', { contract: 'H14' }, async (t) => {
  const error = new Error('enough')
  for (const busy of [0, 20]) {
    const [one, other] = pair(t)
    for (const number of numbers(3)) one.send(number)
    const fails = (async () => {
      for await (const { message } of other) {
        if (busy) setImmediate(() => other.destroy(error))
        else other.destroy(error)
        await turns(busy)
        assert.equal(message, 0)
      }
    })()
    await assert.rejects(fails, error)
  }
})

test('Channel destroy(): makes a waiting loop throw its error', { contract: 'H14' }, async (t) => {
  const [one, other] = pair(t)
  const fails = some(other)
  await turns(5)
  const error = new Error('enough')
  other.destroy(error)
  await assert.rejects(fails, error)
  const all = events(one)
  await some(one)
  await turns(5)
  assert.deepEqual(all, ['close'])
})

test('Channel destroy(): closes handles that a loop has read ahead', { contract: 'H5' }, async (t) => {
  const [one, other] = pair(t)
  const [file] = files(t, 1)
  const before = openCount()
  for (const number of numbers(50)) one.send(number, file)
  await some(other, 3)
  other.destroy()
  one.destroy()
  assert.equal(openCount(), before - 2)
})

test('Channel iteration: throws an error in each of several loops', { contract: 'H14' }, async (t) => {
  const [one, theirs] = bare(t)
  const loops = numbers(3).map(() => some(one))
  // This iterator is between two messages.
  const iterator = one[Symbol.asyncIterator]()
  sendFds(theirs, Buffer.alloc(8, 0x7f))
  for (const { reason } of await Promise.allSettled(loops))
    assert.equal(reason?.code, 'ERR_PROCNATIVE_MESSAGE_TOO_LONG')
  await assert.rejects(iterator.next(), { code: 'ERR_PROCNATIVE_MESSAGE_TOO_LONG' })
})

for (const how of ['break', 'return']) {
  test(`Channel iteration: a loop left by '${how}' hides no error`, async (t) => {
    const { code, said } = await program(t, 'channel/leave-loop.mjs', [how]).ended()
    assert.deepEqual([code, said], [0, [{ warned: 'ERR_PROCNATIVE_MESSAGE_TOO_LONG' }, { closed: true }]])
  })
}
