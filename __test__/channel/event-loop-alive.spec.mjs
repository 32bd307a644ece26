// H14: what keeps the event loop alive, and what the processor has to do meanwhile.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { channel, sendFds, socketpair } from '../../index.js'
import { peer, turns, words } from '../helpers/channels.mjs'
import { sleeper } from '../helpers/children.mjs'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { isAlive, stat } from '../helpers/proc.mjs'
import { countedTurns } from '../helpers/reactor.mjs'
import { until } from '../helpers/until.mjs'

for (const how of [
  'nothing',
  'listens, unref',
  'unref, listens',
  'iterates, unref',
  'listens, goes',
  'once, received',
  'pauses',
  'iterates, leaves',
  'sends, sent',
  'destroys',
  'fails',
]) {
  test(`'${how}': the event loop comes to its end while the peer is there`, { contract: 'H14' }, async (t) => {
    const { end, ended } = peer(t, 'channel/alive.mjs', [how])
    if (how === 'once, received') end.send('there').catch(() => {})
    const { code, said } = await ended()
    assert.deepEqual([code, said], [0, [{ how }]])
  })
}

/** Starts the fixture, and checks that its event loop waits instead of ending. */
async function waiting(t, how) {
  const { end, child, told, ended } = peer(t, 'channel/alive.mjs', [how])
  await told('how')
  await until(() => stat(child.pid).state === 'S', 'it waits')
  await turns()
  assert.ok(isAlive(child.pid))
  return { end, ended }
}

for (const how of ['listens', 'listens, unref, ref', 'unref, ref, listens', 'iterates', 'once', 'pauses, resumes']) {
  test(`'${how}': the event loop goes on until the peer closes`, { contract: 'H14' }, async (t) => {
    const { end, ended } = await waiting(t, how)
    await end.send('a message')
    if (how === 'once') return assert.deepEqual(await ended(), { code: 0, said: [{ how }, { message: 'a message' }] })
    await end.close()
    assert.deepEqual(await ended(), { code: 0, said: [{ how }, { message: 'a message' }, { closed: true }] })
  })
}

for (const how of ['sends', 'sends, unref']) {
  test(`Channel: '${how}': the event loop goes on until it is sent`, async (t) => {
    const { end, ended } = await waiting(t, how)
    const [long, short] = await words(t, end, 2)
    assert.deepEqual([long.length, short], [1 << 20, 'short'])
    assert.deepEqual(await ended(), { code: 0, said: [{ how }, { sent: true }] })
  })
}

test("'closes': close() can be awaited until the peer has closed its end, though nothing else is to be done", {
  contract: 'H14',
}, async (t) => {
  const { end, ended } = await waiting(t, 'closes')
  assert.deepEqual(await words(t, end, 1), ['the last'])
  end.on('message', () => {})
  assert.deepEqual(await ended(), { code: 0, said: [{ how: 'closes' }, { closed: true }] })
})

// ── Nothing to do ──

for (const [how, title] of [
  ['unread', 'has something that nobody reads'],
  ['paused', 'is paused with something to read'],
  ['queue', 'has something to send that nobody takes'],
  ['unread, ended', 'has something that nobody reads, of a peer that has shut down its end'],
  ['unread, gone', 'has something that nobody reads, of a peer that is gone'],
  ['paused, gone', 'is paused with something to read, of a peer that is gone'],
  ['queue, ended', 'has something to send to a peer that has shut down its end, and does not read'],
  ['closing', 'is closing, and its peer does not'],
]) {
  test(`a channel that ${title} costs no time`, { contract: 'H14' }, async (t) => {
    const { ended } = peer(t, 'channel/idle.mjs', [how])
    const { code, said } = await ended()
    assert.equal(code, 0)
    const [{ busy, elapsed, woken, closed }] = said
    assert.ok(busy < elapsed / 5, `busy for ${busy} of ${elapsed} ms`)
    // On a machine that has no time for it, it would not be busy either.
    if (isNode) assert.ok(woken < 10, `woken ${woken} times`)
    // Nothing is lost.
    if (how !== 'closing') assert.equal(closed, false)
  })
}

test('a channel that was closed wakes nobody, though a child has its socket still', {
  contract: 'W7',
  ...needs('Node.js, which lets its modules be changed', isNode),
}, async (t) => {
  const [ours, theirs] = socketpair()
  t.after(() => theirs.close())
  sleeper(t, { stdio: ['ignore', 'ignore', 'ignore', ours] })
  const one = channel(ours)
  one.on('message', () => {})
  one.destroy()
  sendFds(theirs, Buffer.of(0))
  const woken = countedTurns(t)
  await turns()
  assert.equal(woken(), 0)
})
