// Channels whose peer reads slowly or not at all: no message is lost, and memory does not grow.
// runtimes: node, bun

import assert from 'node:assert/strict'
import { recvFds, socketpair } from '../../index.js'
import {
  AS_NOBODY,
  bare,
  files,
  frames,
  identities,
  identity,
  messages,
  openCount,
  pair,
  peer,
  program,
  turns,
  watch,
  words,
} from '../helpers/channels.mjs'
import { hasProgram, isRoot, needs, test } from '../helpers/harness.mjs'
import { stat } from '../helpers/proc.mjs'
import { limitedTo } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const MiB = 1 << 20
const asNobody = needs('root, and setpriv', isRoot && hasProgram('setpriv'))

// ── All of it arrives ──

for (const [who, prefix] of [
  ['slow reader', []],
  ['slow reader with 1,024 descriptors', limitedTo(1024)],
]) {
  test(`Channel send(): loses none of 10,000 handles, ${who}`, { contract: 'H2' }, async (t) => {
    const all = files(t, 97)
    const known = all.map(identity)
    const before = openCount()
    const { end, ended } = peer(t, 'channel/read-slowly.mjs', [], { prefix })
    let sent
    for (let i = 0; i < 10_000; i++) {
      sent = end.send({ number: i, handles: [known[i % 97]] }, all[i % 97])
      if (i % 400 === 399) await sent
    }
    await end.close()
    const { code, said } = await ended()
    assert.deepEqual([code, said], [0, [{ received: 10_000, wrong: [] }]])
    assert.equal(openCount(), before)
  })
}

for (const [count, handles] of [
  [10_000, 1],
  [1_000, 10],
  [20, 600],
]) {
  test(`Channel send(): delivers ${count} messages with ${handles} handles, unprivileged sender that awaits`, {
    contract: 'H2',
    ...asNobody,
  }, async (t) => {
    const prefix = [...AS_NOBODY, ...limitedTo(1024)]
    const ends = socketpair()
    const reader = program(t, 'channel/read-slowly.mjs', [], { stdio: [ends[0].fd] })
    const sender = program(t, 'channel/send-and-await.mjs', [count, handles], { prefix, stdio: [ends[1].fd] })
    for (const end of ends) end.close()
    const [sent, received] = await Promise.all([sender.ended(), reader.ended()])
    assert.deepEqual(sent, { code: 0, said: [{ sent: count }] })
    assert.deepEqual(received, { code: 0, said: [{ received: count, wrong: [] }] })
  })
}

test('Channel send(): waits when too many descriptors are in flight, then continues', {
  contract: 'H2',
  ...asNobody,
}, async (t) => {
  const prefix = [...AS_NOBODY, ...limitedTo(2048)]
  const { code, said } = await program(t, 'channel/exceed-in-flight.mjs', [], { prefix }).ended()
  assert.equal(code, 0)
  const [{ waited, resolved }, { received, failed }] = said
  assert.ok(waited && resolved < 200, `${resolved} resolved while nobody read`)
  assert.deepEqual({ received, failed }, { received: 200, failed: [] })
})

// ── A reader that stops ──

/** Sends and awaits messages until one stays pending. Returns the number of sent messages, and the pending promise. */
async function stall(end, message, handles) {
  let gone = 0
  for (;;) {
    const sent = end.send(message, handles)
    const watched = watch(sent)
    for (let turn = 0; turn < 300 && !watched.settled; turn++) await turns(1)
    if (!watched.settled) return { gone, sent }
    gone++
    assert.ok(gone < 10_000, 'it is never pending')
  }
}

for (const [title, stop] of [
  ['has no listener', () => () => {}],
  [
    'is paused',
    (other) => {
      other.on('message', () => {})
      other.pause()
      return () => {}
    },
  ],
  [
    'iterates and is busy',
    (other) => {
      const iterator = other[Symbol.asyncIterator]()
      const first = iterator.next()
      return async () => {
        await first
        await iterator.return()
      }
    },
  ],
]) {
  test(`Channel send(): waits with little memory, peer ${title}`, { contract: 'H14' }, async (t) => {
    const [one, other] = pair(t, { serialization: 'raw' })
    const done = stop(other)
    const message = Buffer.alloc(65_536, 'x')
    const before = process.memoryUsage.rss()
    const { gone, sent } = await stall(one, message)
    // A socket has room for about 200 KiB, and the peer reads in pieces.
    assert.ok(gone <= 32, `${gone} messages of 64 KiB`)
    assert.ok(process.memoryUsage.rss() - before < 64 * MiB)
    await done()
    other.removeAllListeners()
    other.resume()
    const received = words(t, other, gone + 1 - (title.includes('iterates') ? 1 : 0))
    await sent
    for (const found of await received) assert.ok(found.equals(message))
  })
}

test('Channel iteration: gives a slow loop all messages, reads little ahead', { contract: 'H14' }, async (t) => {
  const [one, other] = pair(t, { serialization: 'raw' })
  const message = Buffer.alloc(65_536, 'x')
  let sent = 0
  const sending = (async () => {
    for (; sent < 400; sent++) await one.send(message)
    await one.close()
  })()
  let received = 0
  let ahead = 0
  for await (const { message: found } of other) {
    assert.ok(found.equals(message))
    received++
    await turns(5)
    ahead = Math.max(ahead, sent - received)
  }
  await sending
  assert.equal(received, 400)
  assert.ok(ahead <= 32, `${ahead} messages of 64 KiB ahead`)
})

test('Channel send(): keeps little in memory while the peer process is stopped', { contract: 'H3' }, async (t) => {
  const { end, child, said, told } = peer(t, 'channel/count-bytes.mjs', [], { options: { serialization: 'raw' } })
  await told('there')
  process.kill(child.pid, 'SIGSTOP')
  await until(() => stat(child.pid).state === 'T', 'the child is stopped')
  const message = Buffer.alloc(MiB, 'x')
  const { gone, sent } = await stall(end, message)
  assert.ok(gone <= 4, `${gone} messages of 1 MiB`)
  const before = process.memoryUsage.rss()
  await turns(500)
  assert.ok(process.memoryUsage.rss() - before < 16 * MiB)
  process.kill(child.pid, 'SIGCONT')
  await sent
  for (let i = gone + 1; i < 200; i++) await end.send(message)
  await end.close()
  await told('received')
  assert.equal(said.at(-1).received, 200 * MiB)
})

// ── In pieces ──

function recvNow(socket, maxLength) {
  try {
    return recvFds(socket, { maxLength })
  } catch (error) {
    if (error.code !== 'EAGAIN') throw error
    return null
  }
}

for (const pieces of [1000, 4096, 65_536]) {
  test(`Channel send(): sends handles once, in time, peer reads ${pieces} bytes`, { contract: 'H2' }, async (t) => {
    const [one, theirs] = bare(t)
    const all = files(t, 300)
    const known = all.map(identity)
    const lengths = [500_000, 3, 700_000, 400_000, 0, 300_000]
    const counts = [3, 1, 0, 300, 2, 1]
    const sent = lengths.map((length, index) => one.send('x'.repeat(length), all.slice(0, counts[index])))
    const done = watch(Promise.all(sent))
    const parts = []
    let length = 0
    // The handles, each with the number of bytes received by then.
    const handles = []
    const take = () => {
      for (;;) {
        const received = recvNow(theirs, pieces)
        if (received === null) return
        parts.push(received.data)
        length += received.data.length
        for (const handle of received.handles) handles.push({ at: length, identity: identity(handle.fd) })
        for (const handle of received.handles) handle.close()
      }
    }
    while (!done.settled) {
      take()
      await turns(1)
    }
    take()
    await Promise.all(sent)
    const found = frames(Buffer.concat(parts))
    assert.deepEqual(
      found.map(({ text, count }) => [text.length - 2, count]),
      lengths.map((length, index) => [length, counts[index]]),
    )
    // Each handle came once, in order.
    assert.deepEqual(
      handles.map((handle) => handle.identity),
      counts.flatMap((count) => known.slice(0, count)),
    )
    // Handles come no later than the last byte of their message.
    let before = 0
    for (const { count, end } of found) {
      before += count
      if (count > 0) assert.ok(handles[before - 1].at <= end)
    }
  })
}

test("Channel 'message': gives each long message its own handles", { contract: 'H2' }, async (t) => {
  const [one, other] = pair(t)
  const all = files(t, 5)
  const wanted = Array.from({ length: 60 }, (_, index) => all.slice(0, index % 6))
  for (const [index, handles] of wanted.entries()) one.send('x'.repeat(index % 2 ? 500_000 : 10), handles)
  for (const [index, { handles }] of (await messages(t, other, 60)).entries()) {
    assert.deepEqual(identities(handles), wanted[index].map(identity))
  }
})

test('Channel send(): resolves a waiting message when a later call finds room', { contract: 'H3' }, async (t) => {
  const [one, theirs] = bare(t, { serialization: 'raw' })
  const piece = Buffer.alloc(8192)
  const sent = []
  const push = () => sent.push(watch(one.send(piece)))
  // Each message goes in a turn of its own, until the socket is full.
  do {
    push()
    await turns(1)
  } while (sent.at(-1).settled)
  const waiting = sent.length - 1
  // This makes room for one message, but too little for the kernel to report it.
  assert.equal(recvFds(theirs, { maxLength: 16_384 }).data.length, 16_384)
  await turns(10)
  assert.equal(sent[waiting].settled, false)
  for (let more = 0; more < 8; more++) push()
  await turns(10)
  assert.equal(sent[waiting].settled, true)
  assert.equal(sent.at(-1).settled, false)
})
