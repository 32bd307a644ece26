// H13: channels in worker threads, and the ends of threads and processes that have some.
// runtimes: node, bun

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { channel, connectChannel, listenChannel, socketpair } from '../../index.js'
import { files, identities, identity, messages, openCount, program, words } from '../helpers/channels.mjs'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { threadsOfOurs } from '../helpers/proc.mjs'
import { until } from '../helpers/until.mjs'

const onlyNode = needs('Node.js, whose threads end when they say so', isNode)

/** A thread that has the other ends of channels, and goes about it as `how` says: see channel-thread.mjs. */
function thread(t, how, count = 1) {
  const pairs = Array.from({ length: count }, () => socketpair())
  const workerData = { how, fds: pairs.map(([, theirs]) => theirs.take()) }
  const worker = new Worker(new URL('./fixtures/thread.mjs', import.meta.url), { workerData })
  const exit = once(worker, 'exit')
  const ends = pairs.map(([ours]) => channel(ours))
  t.after(async () => {
    for (const end of ends) end.destroy()
    await worker.terminate()
  })
  return { worker, exit, ends }
}

function identityOrNone(fd) {
  try {
    return identity(fd)
  } catch ({ code }) {
    return code
  }
}

function readToTheEnd(end) {
  return new Promise((resolve) => {
    // A channel with nothing left to read closes by itself.
    if (end.closed) return resolve()
    end.on('close', resolve)
    end.on('error', ({ code }) => assert.equal(code, 'ERR_PROCNATIVE_MESSAGE_CUT'))
    end.on('message', (_, handles) => handles.map((handle) => handle.close()))
  })
}

test('a channel works in a worker thread, with handles, both ways', { contract: 'H13' }, async (t) => {
  const { ends, exit } = thread(t, 'answer', 3)
  const all = files(t, 300)
  for (const [index, end] of ends.entries()) {
    end.send(`to ${index}`, all)
    end.send('without')
    const found = await messages(t, end, 2)
    assert.deepEqual(
      found.map(({ message }) => message),
      [`to ${index}`, 'without'],
    )
    assert.deepEqual(identities(found[0].handles), all.map(identity))
  }
  // Nothing else keeps the thread alive.
  await Promise.all(ends.map((end) => end.close()))
  assert.deepEqual(await exit, [0])
})

test('channels add no thread of their own', { contract: 'H13', ...onlyNode }, async (t) => {
  const { ends } = thread(t, 'answer', 10)
  await Promise.all(
    ends.map(async (end) => {
      end.send('one')
      assert.deepEqual(await words(t, end, 1), ['one'])
    }),
  )
  assert.equal(threadsOfOurs(), 0)
})

for (const [how, title, code] of [
  ['terminate', 'worker.terminate()', 1],
  ['exit', 'process.exit() of a worker', 5],
  ['unref', 'the end of a worker whose channels are unref()ed', 0],
]) {
  test(`${title} with 20 channels open is safe, closes them and what they have, 20 times`, {
    contract: 'H13',
    ...onlyNode,
  }, async (t) => {
    // Handles that were read and are nobody's yet, that wait to be read, and that wait to be sent.
    const all = files(t, 5)
    for (let round = 0; round < 20; round++) {
      const before = openCount()
      const { worker, exit, ends } = thread(t, how, 20)
      for (const end of ends) for (let i = 0; i < 4; i++) end.send('handles', all).catch(() => {})
      await once(worker, 'message')
      if (how === 'terminate') await worker.terminate()
      assert.deepEqual(await exit, [code])
      // The peers hear of it, after what has been sent to them; the last of that may be cut off.
      await Promise.all(ends.map(readToTheEnd))
      await until(() => openCount() === before, 'no descriptor is left')
    }
  })
}

/** A thread that ends in the midst of things: see channel-thread-ends.mjs. */
function ending(t, workerData) {
  const worker = new Worker(new URL('./fixtures/thread-ends.mjs', import.meta.url), { workerData })
  t.after(() => worker.terminate())
  return { worker, exit: once(worker, 'exit') }
}

test('a worker that ends when it has just called connectChannel() leaves no connection', {
  contract: 'H13',
  ...onlyNode,
}, async (t) => {
  const name = `@procnative-${process.pid}`
  let closed = 0
  const server = await listenChannel(name, {}, (one) => {
    one.on('message', () => {})
    one.on('close', () => closed++)
  })
  t.after(() => server.close())
  for (let round = 1; round <= 20; round++) {
    const before = openCount()
    assert.deepEqual(await ending(t, { how: 'connect', name }).exit, [6])
    await until(() => closed === round, 'the server sees the end')
    await until(() => openCount() === before, 'no descriptor is left')
  }
})

test('a worker that ends when it is told of the first of five connections leaves none of them', {
  contract: 'H13',
  ...onlyNode,
}, async (t) => {
  for (let round = 0; round < 20; round++) {
    const before = openCount()
    const name = `@procnative-${process.pid}-${round}`
    const gate = new Int32Array(new SharedArrayBuffer(4))
    const { worker, exit } = ending(t, { how: 'serve', name, gate })
    await once(worker, 'message')
    const clients = await Promise.all(Array.from({ length: 5 }, () => connectChannel(name)))
    Atomics.store(gate, 0, 1)
    Atomics.notify(gate, 0)
    await Promise.all(clients.map(readToTheEnd))
    assert.deepEqual(await exit, [6])
    await until(() => openCount() === before, 'no descriptor is left')
  }
})

test('process.exit() with 20 channels open is safe, 20 times', { contract: 'H13' }, async (t) => {
  for (let round = 0; round < 20; round++) {
    const { code, said } = await program(t, 'channel/ends.mjs', [20]).ended()
    assert.deepEqual([code, said], [7, [{ channels: 20 }]])
  }
})

test('Handle: a worker’s end closes no number of another file', onlyNode, async (t) => {
  const worker = new Worker(new URL('./fixtures/handle-lost-thread.mjs', import.meta.url))
  const exit = once(worker, 'exit')
  t.after(() => worker.terminate())
  const [numbers] = await once(worker, 'message')
  const all = files(t, 40)
  assert.ok(numbers.some((fd) => all.includes(fd)))
  const before = all.map(identity)
  worker.postMessage('end')
  await exit
  assert.deepEqual(all.map(identityOrNone), before)
})

test('the end of a worker closes nothing that has the numbers of what it has closed', {
  contract: 'H13',
  ...onlyNode,
}, async (t) => {
  const worker = new Worker(new URL('./fixtures/thread-closed.mjs', import.meta.url))
  const exit = once(worker, 'exit')
  t.after(() => worker.terminate())
  await once(worker, 'message')
  // More than it has had open.
  const all = files(t, 40)
  const before = all.map(identity)
  worker.postMessage('end')
  await exit
  assert.deepEqual(all.map(identityOrNone), before)
})
