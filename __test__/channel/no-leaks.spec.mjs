// Peers that die or close, and the descriptors that are left.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { bare, events, files, messages, openCount, pair, peer, turns } from '../helpers/channels.mjs'
import { test } from '../helpers/harness.mjs'
import { stat } from '../helpers/proc.mjs'
import { repetitions } from '../helpers/repetitions.mjs'
import { until } from '../helpers/until.mjs'

const numbers = (count) => [...Array(count).keys()]
const LONG = 'x'.repeat(1 << 20)

for (const listens of [true, false]) {
  const who = listens ? 'with a listener' : 'without a listener'
  test(`Channel 'close': comes without 'error' after a kill, ${who}`, { contract: 'H14' }, async (t) => {
    const [file] = files(t, 1)
    for (let round = 0; round < repetitions(5); round++) {
      const { end, child, told } = peer(t, 'channel/send-never-reads.mjs', [listens ? 20 : 0])
      const all = events(end)
      await told('there')
      await end.send('unread', file)
      if (listens) assert.equal((await messages(t, end, 10)).length, 10)
      child.kill('SIGKILL')
      await until(() => stat(child.pid) === null)
      // The messages that it sent are not lost.
      if (listens) {
        const rest = await messages(t, end, 10)
        assert.deepEqual(
          rest.map(({ message, handles }) => [message, handles.length]),
          numbers(10).map((number) => [number + 10, 1]),
        )
        end.on('message', () => {})
      }
      await until(() => all.length > 0)
      await turns(5)
      assert.deepEqual(all, ['close'])
    }
  })
}

test('Channel send(): rejects queued messages with EPIPE, peer killed', { contract: 'H3' }, async (t) => {
  const [file] = files(t, 1)
  const { end, child, told } = peer(t, 'channel/send-never-reads.mjs', [0])
  const all = events(end)
  const before = openCount()
  await told('there')
  const sent = [end.send(LONG, file), ...numbers(20).map((number) => end.send(number, file))]
  await turns(10)
  child.kill('SIGKILL')
  for (const { reason } of await Promise.allSettled(sent)) assert.equal(reason?.code, 'EPIPE')
  await until(() => all.length > 0)
  assert.deepEqual(all, ['close'])
  // The child's pipes close at any time.
  assert.ok(openCount() < before)
})

test('Channel send(): rejects in a listener if the peer died that turn', { contract: 'H3' }, async (t) => {
  for (let round = 0; round < repetitions(20); round++) {
    const [source, relay] = pair(t)
    const [sink, theirs] = bare(t)
    const failures = []
    const send = () => sink.send(LONG).catch(({ code }) => failures.push(code))
    const sent = numbers(20).map(send)
    relay.on('message', () => sent.push(send()))
    await turns(2)
    source.send('go')
    theirs.close()
    await until(() => sent.length > 20)
    await Promise.all(sent)
    assert.deepEqual(failures, Array(21).fill('EPIPE'))
    relay.destroy()
  }
})

test("Channel 'close': comes without a listener if nothing is unread", { contract: 'H14' }, async (t) => {
  for (const end of ['close', 'destroy']) {
    const [one, other] = pair(t)
    const before = openCount()
    const all = events(one)
    other[end]()
    await until(() => one.closed && other.closed)
    await turns(5)
    assert.deepEqual(all, ['close'])
    assert.equal(openCount(), before - 2)
  }
})

test("Channel 'close': waits for a listener if messages are unread", { contract: 'H14' }, async (t) => {
  const [file] = files(t, 1)
  for (const how of ['close', 'destroy']) {
    const [one, other] = pair(t)
    const all = events(one)
    await Promise.all([other.send('unread', file), other.send('unread, too')])
    other[how]()
    await turns()
    assert.deepEqual(all, [])
    assert.equal((await messages(t, one, 2))[1].message, 'unread, too')
    one.on('message', () => {})
    await until(() => all.length > 0)
    await turns(5)
    assert.deepEqual(all, ['close'])
  }
})

test('Channel: leaves no descriptor, 300 channels closed in all ways', { contract: 'H14' }, async (t) => {
  const before = openCount()
  const [file] = files(t, 1)
  for (let round = 0; round < 30; round++) {
    const all = numbers(10).map(() => pair(t))
    for (const [index, [one, other]] of all.entries()) {
      one.send('x'.repeat(index * 50_000), file).catch(() => {})
      one.send('queued', file).catch(() => {})
      if (index % 3 === 0) other.on('message', (_, handles) => handles.map((handle) => handle.close()))
      if (index % 2) one.close()
      else one.destroy()
      if (index % 5) other.destroy()
      else other.close()
    }
    // A channel with unread messages does not close by itself.
    for (const [one, other] of all)
      for (const end of [one, other]) end.on('message', (_, handles) => handles.map((handle) => handle.close()))
    await until(() => all.flat().every((end) => end.closed))
  }
  assert.equal(openCount(), before + 1)
})
