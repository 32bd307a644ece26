// The 'message' event, pause() and resume(). Iterating is in for-await.spec.mjs, and the life of the event loop in
// event-loop-alive.spec.mjs.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { files, messages, openCount, pair, peer, program, turns, words } from '../helpers/channels.mjs'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { limitedTo } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const numbers = (count, from = 0) => Array.from({ length: count }, (_, index) => from + index)

/** Receives messages into `all` until `stop()`, and closes their handles. */
function taken(channel) {
  const all = []
  const listener = (message, handles) => {
    all.push(message)
    for (const handle of handles) handle.close()
  }
  channel.on('message', listener)
  return { all, stop: () => channel.off('message', listener) }
}

test("Channel: reads nothing without a 'message' listener", { contract: 'H14' }, async (t) => {
  const [one, other] = pair(t)
  const before = openCount()
  const [file] = files(t, 1)
  await one.send('unread', Array(100).fill(file))
  await turns()
  // The file is the only new descriptor.
  assert.equal(openCount(), before + 1)
  // Listeners of other events don't read.
  other.on('close', () => {})
  other.on('error', () => {})
  other.on('other', () => {})
  await turns()
  assert.equal(openCount(), before + 1)
  const [{ message, handles }] = await messages(t, other, 1)
  assert.deepEqual([message, handles.length], ['unread', 100])
})

test('Channel: stops reading when its last listener is removed', { contract: 'H14' }, async (t) => {
  const [one, other] = pair(t)
  const { all, stop } = taken(other)
  await one.send(0)
  await until(() => all.length === 1)
  stop()
  const [file] = files(t, 1)
  const before = openCount()
  await one.send(1, Array(50).fill(file))
  await turns()
  assert.equal(openCount(), before)
  assert.deepEqual(all, [0])
  const [{ message, handles }] = await messages(t, other, 1)
  assert.deepEqual([message, handles.length], [1, 50])
})

test("Channel 'message': reaches every listener", { contract: 'H14' }, async (t) => {
  const [one, other] = pair(t)
  const [first, second] = [taken(other), taken(other)]
  for (const number of numbers(10)) one.send(number)
  await until(() => second.all.length === 10)
  first.stop()
  one.send(10)
  await until(() => second.all.length === 11)
  assert.deepEqual([first.all, second.all], [numbers(10), numbers(11)])
})

test("Channel once('message'): takes one message, keeps the rest", { contract: 'H14' }, async (t) => {
  const [one, other] = pair(t)
  const [file] = files(t, 1)
  for (const number of numbers(300)) one.send(number, number % 2 ? file : [])
  for (const number of numbers(20)) {
    const [message, handles] = await once(other, 'message')
    assert.deepEqual([message, handles.length], [number, number % 2])
    for (const handle of handles) handle.close()
    if (number % 5 === 0) await turns(10)
  }
  const rest = await messages(t, other, 280)
  assert.deepEqual(
    rest.map(({ message }) => message),
    numbers(280, 20),
  )
})

test('Channel pause(): stops messages until resume(), with new listeners, too', { contract: 'H14' }, async (t) => {
  const [one, other] = pair(t)
  assert.equal(other.pause(), other)
  const { all } = taken(other)
  for (const number of numbers(10)) one.send(number)
  await turns()
  assert.deepEqual(all, [])
  assert.equal(other.resume(), other)
  await until(() => all.length === 10)
  other.pause().pause()
  await one.send(10)
  await turns()
  assert.equal(all.length, 10)
  // One resume() undoes several pause().
  other.resume()
  await until(() => all.length === 11)
  assert.deepEqual(all, numbers(11))
})

test('Channel pause(): holds back messages that were read, loses none', { contract: 'H14' }, async (t) => {
  const [one, other] = pair(t)
  const [file] = files(t, 1)
  const all = []
  other.on('message', (message, handles) => {
    all.push(message)
    for (const handle of handles) handle.close()
    if (message % 10 === 9) other.pause()
  })
  for (const number of numbers(100)) one.send(number, number % 3 ? [] : file)
  for (const number of numbers(10, 1)) {
    await until(() => all.length >= 10 * number)
    await turns(20)
    assert.equal(all.length, 10 * number)
    other.resume()
  }
  assert.deepEqual(all, numbers(100))
})

test('Channel pause(): has no effect if resume() follows at once', { contract: 'H14' }, async (t) => {
  const [one, other] = pair(t)
  const all = []
  other.on('message', (message) => {
    all.push(message)
    other.pause()
    other.resume()
    if (message % 2) other.resume()
  })
  other.pause().resume()
  for (const number of numbers(500)) one.send(number)
  await until(() => all.length >= 500)
  await turns(10)
  assert.deepEqual(all, numbers(500))
})

test('Channel off(): removes a listener between two messages of one read', { contract: 'H14' }, async (t) => {
  const [one, other] = pair(t)
  for (const number of numbers(50)) one.send(number)
  for (const number of numbers(10)) assert.deepEqual(await words(t, other, 5), numbers(5, 5 * number))
})

test('Channel destroy(): ends messages at once, called in a listener', { contract: 'H14' }, async (t) => {
  const [one, other] = pair(t)
  const [file] = files(t, 1)
  const before = openCount()
  const all = []
  other.on('message', (message, handles) => {
    all.push(message)
    for (const handle of handles) handle.close()
    if (message === 5) other.destroy()
  })
  for (const number of numbers(50)) one.send(number, file).catch(() => {})
  await once(other, 'close')
  await turns()
  assert.deepEqual(all, numbers(6))
  one.destroy()
  assert.equal(openCount(), before - 2)
})

// ── Handles that no listener takes ──

test('Channel destroy(): closes handles that were read but not emitted', { contract: 'H5' }, async (t) => {
  const [one, other] = pair(t)
  const [file] = files(t, 1)
  const before = openCount()
  for (const number of numbers(50)) one.send(number, Array(10).fill(file))
  const [first, handles] = await once(other, 'message')
  assert.equal(first, 0)
  for (const handle of handles) handle.close()
  // The handles of the other messages have been read, too.
  assert.ok(openCount() > before)
  other.destroy()
  one.destroy()
  assert.equal(openCount(), before - 2)
})

test("Channel 'message': closes dropped handles with a warning, when collected", {
  contract: 'H5',
  ...needs('Node.js, which collects garbage when it is told', isNode),
}, async (t) => {
  const { end, said, ended } = peer(t, 'channel/drop-handles.mjs', [], { flags: ['--expose-gc'] })
  const [file] = files(t, 1)
  for (const count of [1, 5, 300]) await end.send(count, Array(count).fill(file))
  // The listener closes the handles of this message: no warning.
  await end.send('closed', Array(5).fill(file))
  await end.close()
  assert.deepEqual((await ended()).said, said)
  const [{ open, left, codes }] = said
  assert.equal(left, open)
  // At least one warning for each message, and none for closed handles.
  assert.deepEqual([...new Set(codes)], ['PROCNATIVE_HANDLE_COLLECTED'])
  assert.ok(codes.length >= 3 && codes.length <= 306, `${codes.length} warnings`)
})

// ── Listeners that fail ──

test("Channel 'message': an error in a listener loses no later message", { contract: 'H14' }, async (t) => {
  const { end, ended } = peer(t, 'channel/listener-throws.mjs')
  const [file] = files(t, 1)
  for (const number of numbers(100)) end.send(number, number % 2 ? file : [])
  await end.send('pause')
  for (const number of numbers(100, 100)) end.send(number)
  await end.close()
  const { code, said } = await ended()
  assert.equal(code, 0)
  assert.deepEqual(said, [{ received: [...numbers(100), 'pause', ...numbers(100, 100)], thrown: 201, closed: true }])
})

// ── Floods ──

test("Channel 'message': a flood waits for listeners that close handles later", { contract: 'H5' }, async (t) => {
  const { said } = await program(t, 'channel/close-handles-later.mjs', [6, 253], { prefix: limitedTo(512) }).ended()
  assert.deepEqual(said, [{ come: 6, error: null }])
})

test('Channel: a flood on one channel starves no channel or timer', { contract: 'H14' }, async (t) => {
  const flood = peer(t, 'channel/flood.mjs')
  let flooded = 0
  flood.end.on('message', () => flooded++)
  await until(() => flooded > 1000)
  const [one, other] = pair(t)
  other.on('message', (message) => other.send(message))
  let fired = 0
  const interval = setInterval(() => fired++, 1)
  t.after(() => clearInterval(interval))
  const before = flooded
  // Until there were many messages of both, however slow the other process is.
  for (let number = 0; number < 100 || flooded < before + 10_000; number++) {
    one.send(number)
    const [answer] = await once(one, 'message')
    assert.equal(answer, number)
    const firedBefore = fired
    await until(() => fired > firedBefore, 'a timer gets its turn')
  }
  assert.equal(flood.end.closed, false)
})
