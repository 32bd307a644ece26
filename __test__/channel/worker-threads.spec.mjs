// Channels in worker threads, and the end of threads and processes with open channels.
// runtimes: node, bun

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { channel, connectChannel, listenChannel, socketpair } from '../../index.js'
import { files, identities, identity, messages, openCount, program, words } from '../helpers/channels.mjs'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { threadsOfOurs } from '../helpers/proc.mjs'
import { repetitions } from '../helpers/repetitions.mjs'
import { until } from '../helpers/until.mjs'

const onlyNode = needs('Node.js, whose threads end when they say so', isNode)

/** Starts a worker thread with the other ends of `count` channels. `how` is an order of worker-with-channels.mjs. */
function thread(t, how, count = 1) {
  const pairs = Array.from({ length: count }, () => socketpair())
  const workerData = { how, fds: pairs.map(([, theirs]) => theirs.take()) }
  const worker = new Worker(new URL('./fixtures/worker-with-channels.mjs', import.meta.url), { workerData })
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

test('Channel: works in a worker thread, with handles', { contract: 'H13' }, async (t) => {
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
  // Only the channels keep the thread alive.
  await Promise.all(ends.map((end) => end.close()))
  assert.deepEqual(await exit, [0])
})

test('Channel: adds no thread in worker threads', { contract: 'H13', ...onlyNode }, async (t) => {
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
  ['terminate', 'terminate()', 1],
  ['exit', 'process.exit()', 5],
  ['unref', 'the natural end', 0],
]) {
  test(`Channel: 20 channels close at ${title} of a worker`, { contract: 'H13', ...onlyNode }, async (t) => {
    // The handles are read but not taken, wait to be read, or wait to be sent.
    const all = files(t, 5)
    for (let round = 0; round < repetitions(20); round++) {
      const before = openCount()
      const { worker, exit, ends } = thread(t, how, 20)
      for (const end of ends) for (let i = 0; i < 4; i++) end.send('handles', all).catch(() => {})
      await once(worker, 'message')
      if (how === 'terminate') await worker.terminate()
      assert.deepEqual(await exit, [code])
      // The peers read the messages, and then the end. The last message may be cut.
      await Promise.all(ends.map(readToTheEnd))
      await until(() => openCount() === before, 'no descriptor is left')
    }
  })
}

/** Starts a worker thread that ends early: see worker-ends-early.mjs. */
function ending(t, workerData) {
  const worker = new Worker(new URL('./fixtures/worker-ends-early.mjs', import.meta.url), { workerData })
  t.after(() => worker.terminate())
  return { worker, exit: once(worker, 'exit') }
}

test('connectChannel(): leaves no connection if its worker ends at once', {
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
  for (let round = 1; round <= repetitions(20); round++) {
    const before = openCount()
    assert.deepEqual(await ending(t, { how: 'connect', name }).exit, [6])
    await until(() => closed === round, 'the server sees the end')
    await until(() => openCount() === before, 'no descriptor is left')
  }
})

test("listenChannel(): leaves no connection if its worker ends at 'connection'", {
  contract: 'H13',
  ...onlyNode,
}, async (t) => {
  for (let round = 0; round < repetitions(20); round++) {
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

test('process.exit(): keeps its exit code with 20 open channels', { contract: 'H13' }, async (t) => {
  for (let round = 0; round < repetitions(20); round++) {
    const { code, said } = await program(t, 'channel/exit-with-channels.mjs', [20]).ended()
    assert.deepEqual([code, said], [7, [{ channels: 20 }]])
  }
})

test('Handle: the end of a worker closes no descriptor of another owner', onlyNode, async (t) => {
  const worker = new Worker(new URL('./fixtures/worker-closes-by-number.mjs', import.meta.url))
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

test('Channel: the end of a worker closes no number used again', { contract: 'H13', ...onlyNode }, async (t) => {
  const worker = new Worker(new URL('./fixtures/worker-closes-channels.mjs', import.meta.url))
  const exit = once(worker, 'exit')
  t.after(() => worker.terminate())
  await once(worker, 'message')
  // More files than the worker had descriptors.
  const all = files(t, 40)
  const before = all.map(identity)
  worker.postMessage('end')
  await exit
  assert.deepEqual(all.map(identityOrNone), before)
})
