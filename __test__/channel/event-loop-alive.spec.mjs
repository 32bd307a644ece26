// How channels keep the event loop alive, and how much processor time an idle channel uses.
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
  'listens, stops listening',
  'listens once, receives',
  'pauses',
  'iterates, returns',
  'sends, is sent',
  'destroys',
  'destroys with an error',
]) {
  test(`Channel: lets the event loop end after '${how}'`, { contract: 'H14' }, async (t) => {
    const { end, ended } = peer(t, 'channel/use-channel.mjs', [how])
    if (how === 'listens once, receives') end.send('there').catch(() => {})
    const { code, said } = await ended()
    assert.deepEqual([code, said], [0, [{ how }]])
  })
}

/** Starts the fixture, and checks that its event loop waits instead of ending. */
async function waiting(t, how) {
  const { end, child, told, ended } = peer(t, 'channel/use-channel.mjs', [how])
  await told('how')
  await until(() => stat(child.pid).state === 'S', 'the child waits')
  await turns()
  assert.ok(isAlive(child.pid))
  return { end, ended }
}

for (const how of [
  'listens',
  'listens, unref, ref',
  'unref, ref, listens',
  'iterates',
  'listens once',
  'pauses, resumes',
]) {
  test(`Channel: keeps the event loop alive after '${how}'`, { contract: 'H14' }, async (t) => {
    const { end, ended } = await waiting(t, how)
    await end.send('a message')
    if (how === 'listens once')
      return assert.deepEqual(await ended(), { code: 0, said: [{ how }, { message: 'a message' }] })
    await end.close()
    assert.deepEqual(await ended(), { code: 0, said: [{ how }, { message: 'a message' }, { closed: true }] })
  })
}

for (const how of ['sends', 'sends, unref']) {
  test(`Channel: keeps the event loop alive until sent, after '${how}'`, async (t) => {
    const { end, ended } = await waiting(t, how)
    const [long, short] = await words(t, end, 2)
    assert.deepEqual([long.length, short], [1 << 20, 'short'])
    assert.deepEqual(await ended(), { code: 0, said: [{ how }, { sent: true }] })
  })
}

test('Channel close(): keeps the event loop alive until the peer closes', { contract: 'H14' }, async (t) => {
  const { end, ended } = await waiting(t, 'closes')
  assert.deepEqual(await words(t, end, 1), ['the last'])
  end.on('message', () => {})
  assert.deepEqual(await ended(), { code: 0, said: [{ how: 'closes' }, { closed: true }] })
})

// ── Idle channels ──

for (const [how, title] of [
  ['unread', 'unread message'],
  ['paused', 'paused with a message'],
  ['queue', 'full send queue'],
  ['unread, ended', 'unread message, peer has shut down'],
  ['unread, gone', 'unread message, peer is gone'],
  ['paused, gone', 'paused with a message, peer is gone'],
  ['queue, ended', 'full send queue, peer has shut down'],
  ['closing', 'closing, peer stays open'],
]) {
  test(`Channel: uses no processor time, ${title}`, { contract: 'H14' }, async (t) => {
    const { ended } = peer(t, 'channel/measure-idle.mjs', [how])
    const { code, said } = await ended()
    assert.equal(code, 0)
    const [{ busy, elapsed, woken, closed }] = said
    assert.ok(busy < elapsed / 5, `busy for ${busy} of ${elapsed} ms`)
    // On a loaded machine, a busy loop would get little processor time, too.
    if (isNode) assert.ok(woken < 10, `woken ${woken} times`)
    // The channel stays open, so that no message is lost.
    if (how !== 'closing') assert.equal(closed, false)
  })
}

test('Channel destroy(): stops all wakeups, though a child holds the socket', {
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
