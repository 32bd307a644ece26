// connectChannel() with a full queue of connections at the server.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { connectChannel, listenChannel, listenUnix } from '../../index.js'
import { program, turns, watch } from '../helpers/channels.mjs'
import { isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { threadsOfOurs } from '../helpers/proc.mjs'
import { repetitions } from '../helpers/repetitions.mjs'
import { library, runScript } from '../helpers/run.mjs'

const onlyNode = needs('Node.js, whose reactor has no thread', isNode)

const load = `const { connectChannel } = require(${JSON.stringify(library)})`

/** Makes a server that accepts nothing, and connections until its queue is full. */
async function full(t) {
  const address = path.join(temporary(t), 'socket')
  const server = listenUnix(address, { backlog: 1 })
  t.after(() => server.close())
  const open = async (options) => {
    const one = await connectChannel(address, options)
    t.after(() => one.destroy())
    return one
  }
  await Promise.all([open(), open()])
  return { address, server, open }
}

/** Accepts and closes all waiting connections from now on. */
function accept(t, server) {
  const accepting = server.adopt()
  accepting.on('connection', (socket) => socket.destroy())
  t.after(() => accepting.close())
}

test('connectChannel(): 1,000 calls at once take no thread', onlyNode, async (t) => {
  const address = path.join(temporary(t), 'socket')
  const server = await listenChannel(address, {})
  t.after(() => server.close())
  const accepted = []
  server.on('connection', (client) => accepted.push(client))
  t.after(() => accepted.map((client) => client.destroy()))
  const connecting = Array.from({ length: 1000 }, () => connectChannel(address))
  assert.equal(threadsOfOurs(), 0)
  for (const client of await Promise.all(connecting)) client.destroy()
})

test('connectChannel(): waits for room, in the order of the calls', onlyNode, async (t) => {
  const { server, open } = await full(t)
  const order = []
  const connect = (number) => open().then(() => order.push(number))
  const waiting = [0, 1, 2].map(connect)
  await turns()
  assert.deepEqual(order, [])
  // Node.js listens again with a longer queue: there is room now, but the earlier calls have not tried again yet.
  accept(t, server)
  await Promise.all([...waiting, connect(3)])
  assert.deepEqual(order, [0, 1, 2, 3])
})

test('connectChannel({ signal }): an abort gives up that connection only', onlyNode, async (t) => {
  const { address, server, open } = await full(t)
  const controller = new AbortController()
  const reason = new Error('too late')
  const given = open({ signal: controller.signal })
  const other = open({ signal: new AbortController().signal })
  const state = watch(given)
  await turns()
  assert.equal(state.settled, false)
  controller.abort(reason)
  await assert.rejects(given, (error) => error === reason)
  await assert.rejects(connectChannel(address, { signal: controller.signal }), (error) => error === reason)
  accept(t, server)
  await other
})

test('connectChannel(): a connection that waits is refused when the server closes', onlyNode, async (t) => {
  const { server, open } = await full(t)
  const waiting = open()
  await turns()
  server.close()
  await assert.rejects(waiting, (error) => {
    assert.deepEqual([error.code, error.syscall], ['ECONNREFUSED', 'connect'])
    assert.match(error.stack, /connect\.spec/)
    return true
  })
})

test('connectChannel(): the end of a worker ends its waiting connections', onlyNode, async (t) => {
  const { address } = await full(t)
  const script = `${load}
    const { parentPort, workerData } = require('node:worker_threads')
    connectChannel(workerData)
    parentPort.postMessage('waits')`
  for (let round = 0; round < repetitions(5); round++) {
    const worker = new Worker(script, { eval: true, workerData: address })
    await once(worker, 'message')
    assert.equal(threadsOfOurs(), 0)
    await worker.terminate()
  }
})

test('connectChannel(): keeps the process alive while it waits, until an abort', onlyNode, async (t) => {
  const { address } = await full(t)
  const script = `${load}
    console.log('waits')
    connectChannel(process.argv[1], { signal: AbortSignal.timeout(100) }).catch(({ name }) => console.log(name))`
  const { stdout } = await runScript('-e', [script, address])
  assert.equal(stdout, 'waits\nTimeoutError\n')
})

for (const [purpose, call] of [
  ['authorize', 3],
  ['the channel', 4],
]) {
  test(`listenChannel(): a failed peer lookup for ${purpose} costs only its connection`, onlyNode, async (t) => {
    const { code, said } = await program(t, 'channel/fail-peer-lookup.mjs', [call]).ended()
    assert.deepEqual([code, said], [0, [{ error: 'ENOMEM' }, { connected: 2 }]])
  })
}
