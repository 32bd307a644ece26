// H14: when a channel is read, and by whom. Iterating is in channel-iterate.spec.mjs, and what keeps the event loop alive in
// channel-alive.spec.mjs.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { files, messages, openCount, pair, peer, program, turns, words } from '../helpers/channels.mjs'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { limitedTo } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const numbers = (count, from = 0) => Array.from({ length: count }, (_, index) => from + index)

/** Takes what comes, until the test says otherwise. */
function taken(channel) {
  const all = []
  const listener = (message, handles) => {
    all.push(message)
    for (const handle of handles) handle.close()
  }
  channel.on('message', listener)
  return { all, stop: () => channel.off('message', listener) }
}

test('a channel that nobody listens to is not read: no handle arrives', { contract: 'H14' }, async (t) => {
  const [one, other] = pair(t)
  const before = openCount()
  const [file] = files(t, 1)
  await one.send('unread', Array(100).fill(file))
  await turns()
  // But for the file.
  assert.equal(openCount(), before + 1)
  // Neither these nor those read it.
  other.on('close', () => {})
  other.on('error', () => {})
  other.on('other', () => {})
  await turns()
  assert.equal(openCount(), before + 1)
  const [{ message, handles }] = await messages(t, other, 1)
  assert.deepEqual([message, handles.length], ['unread', 100])
})

test('when the last listener has gone, it is read no more; what comes is there for the next', {
  contract: 'H14',
}, async (t) => {
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

test('every listener gets every message', { contract: 'H14' }, async (t) => {
  const [one, other] = pair(t)
  const [first, second] = [taken(other), taken(other)]
  for (const number of numbers(10)) one.send(number)
  await until(() => second.all.length === 10)
  first.stop()
  one.send(10)
  await until(() => second.all.length === 11)
  assert.deepEqual([first.all, second.all], [numbers(10), numbers(11)])
})

test("once('message') takes one, and leaves the rest for later", { contract: 'H14' }, async (t) => {
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

test('pause() stops it, resume() has it go on, and to listen is not to resume', { contract: 'H14' }, async (t) => {
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
  // Once is enough.
  other.resume()
  await until(() => all.length === 11)
  assert.deepEqual(all, numbers(11))
})

test('pause() in the midst of what has been read: not one more, and none lost', { contract: 'H14' }, async (t) => {
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

test('pause() and resume() in the same breath, also in a listener, change nothing', { contract: 'H14' }, async (t) => {
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

test('a listener that takes itself away in the midst of what has been read gets no more', {
  contract: 'H14',
}, async (t) => {
  const [one, other] = pair(t)
  for (const number of numbers(50)) one.send(number)
  for (const number of numbers(10)) assert.deepEqual(await words(t, other, 5), numbers(5, 5 * number))
})

test('destroy() in a listener: no further message', { contract: 'H14' }, async (t) => {
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

// ── Handles that nobody gets ──

test('handles of what was read and not told yet are closed by destroy()', { contract: 'H5' }, async (t) => {
  const [one, other] = pair(t)
  const [file] = files(t, 1)
  const before = openCount()
  for (const number of numbers(50)) one.send(number, Array(10).fill(file))
  const [first, handles] = await once(other, 'message')
  assert.equal(first, 0)
  for (const handle of handles) handle.close()
  // What was read with it is here already.
  assert.ok(openCount() > before)
  other.destroy()
  one.destroy()
  assert.equal(openCount(), before - 2)
})

test('a message that nobody takes the handles of: closed with a warning when it is collected', {
  contract: 'H5',
  ...needs('Node.js, which collects garbage when it is told', isNode),
}, async (t) => {
  const { end, said, ended } = peer(t, 'channel/drops.mjs', [], { flags: ['--expose-gc'] })
  const [file] = files(t, 1)
  for (const count of [1, 5, 300]) await end.send(count, Array(count).fill(file))
  // Of this one, all are closed, and nobody is warned.
  await end.send('closed', Array(5).fill(file))
  await end.close()
  assert.deepEqual((await ended()).said, said)
  const [{ open, left, codes }] = said
  assert.equal(left, open)
  // One for each message at least, and none for what was closed.
  assert.deepEqual([...new Set(codes)], ['PROCNATIVE_HANDLE_COLLECTED'])
  assert.ok(codes.length >= 3 && codes.length <= 306, `${codes.length} warnings`)
})

// ── Listeners that fail ──

test('an uncaught error in a listener loses none of the messages that follow', { contract: 'H14' }, async (t) => {
  const { end, ended } = peer(t, 'channel/throws.mjs')
  const [file] = files(t, 1)
  for (const number of numbers(100)) end.send(number, number % 2 ? file : [])
  await end.send('pause')
  for (const number of numbers(100, 100)) end.send(number)
  await end.close()
  const { code, said } = await ended()
  assert.equal(code, 0)
  assert.deepEqual(said, [{ received: [...numbers(100), 'pause', ...numbers(100, 100)], thrown: 201, closed: true }])
})

// ── One among others ──

test('a flood does not overrun a listener that closes handles a moment later', { contract: 'H5' }, async (t) => {
  const { said } = await program(t, 'channel/async-listener.mjs', [6, 253], { prefix: limitedTo(512) }).ended()
  assert.deepEqual(said, [{ come: 6, error: null }])
})

test('a flood on one channel leaves the others, and the rest of the program, their turn', {
  contract: 'H14',
}, async (t) => {
  const flood = peer(t, 'channel/floods.mjs')
  let flooded = 0
  flood.end.on('message', () => flooded++)
  await until(() => flooded > 1000)
  const [one, other] = pair(t)
  other.on('message', (message) => other.send(message))
  let fired = 0
  const interval = setInterval(() => fired++, 1)
  t.after(() => clearInterval(interval))
  const before = flooded
  // Until there were many of both, however slow the other process is today.
  for (let number = 0; number < 100 || flooded < before + 10_000; number++) {
    one.send(number)
    const [answer] = await once(one, 'message')
    assert.equal(answer, number)
    const firedBefore = fired
    await until(() => fired > firedBefore, 'a timer gets its turn')
  }
  assert.equal(flood.end.closed, false)
})
