// Servers of channels with many connections, without descriptors, and with connections that break at once.
// runtimes: node, bun

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { program, turns, words } from '../helpers/channels.mjs'
import { needs, test } from '../helpers/harness.mjs'
import { isAlive, stat } from '../helpers/proc.mjs'
import { limitedTo } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'
import { answer, connect, serve, socketIn } from './helpers/channel-server.mjs'

const limit = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim()

// ── Many ──

const COUNT = 1000

test(`listenChannel(): answers ${COUNT} connections at once, more than may wait`, {
  contract: 'H11',
  ...needs('4,096 descriptors', limit === 'unlimited' || Number(limit) >= 4096),
}, async (t) => {
  const at = socketIn(t)
  await serve(t, at, {}, answer)
  const ends = await Promise.all(
    Array.from({ length: COUNT }, async (_, index) => {
      const one = await connect(t, at)
      one.send(index)
      return words(t, one, 1)
    }),
  )
  assert.deepEqual(
    ends,
    Array.from({ length: COUNT }, (_, index) => [index]),
  )
})

test('connectChannel(): waits while the queue of the server is full', { contract: 'H11' }, async (t) => {
  // The queue is soon full, because the server accepts nothing. Further connections wait without blocking this process.
  const at = socketIn(t)
  const { child, told } = program(t, 'channel/accept-late.py', [at])
  await told('there')
  const connecting = Array.from({ length: 20 }, () => connect(t, at))
  let turned = 0
  await until(() => ++turned > 200)
  child.stdin.write('accept\n')
  const ends = await Promise.all(connecting)
  assert.equal(ends.length, 20)
  child.stdin.end()
})

// ── Too many ──

test('listenChannel(): waits without spinning while descriptors run out, then serves', {
  contract: 'H11',
}, async (t) => {
  for (const listens of ['listens', 'warns']) {
    const at = socketIn(t)
    const { child, said, told } = program(t, 'channel/serve-without-descriptors.mjs', [at, listens], {
      prefix: limitedTo(40),
    })
    await told('there')
    const one = await connect(t, at)
    one.send('waits')
    const { error } = await told('error')
    assert.equal(error, 'EMFILE')
    child.stdin.write('busy?\n')
    const { busy, elapsed } = await told('busy')
    assert.ok(busy < elapsed / 2, `busy for ${busy} of ${elapsed} ms`)
    assert.ok(said.filter((line) => line.error).length < 100)
    child.stdin.write('free\n')
    assert.deepEqual(await words(t, one, 1), ['waits'])
    // The server accepts later connections, too.
    const other = await connect(t, at)
    other.send('comes later')
    assert.deepEqual(await words(t, other, 1), ['comes later'])
  }
})

// ── Alive ──

test('listenChannel(): keeps the event loop alive until close()', { contract: 'H11' }, async (t) => {
  const at = socketIn(t)
  const { child, told, ended } = program(t, 'channel/serve-once.mjs', [at])
  await told('there')
  await until(() => stat(child.pid).state === 'S', 'the server waits')
  await turns()
  assert.ok(isAlive(child.pid))
  const one = await connect(t, at)
  one.send('only')
  assert.deepEqual(await words(t, one, 1), ['only'])
  await one.close()
  assert.deepEqual(await ended(), { code: 0, said: [{ there: true }, { closed: true }] })
})

test('listenChannel(): survives connections that break at once', { contract: 'H11' }, async (t) => {
  const at = socketIn(t)
  await serve(t, at, {}, answer)
  for (let round = 0; round < 100; round++)
    net
      .connect(at)
      .on('error', () => {})
      .destroy()
  const sockets = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const socket = net.connect(at).on('error', () => {})
      await once(socket, 'connect')
      return socket
    }),
  )
  for (const socket of sockets) socket.destroy()
  const one = await connect(t, at)
  one.send('unharmed')
  assert.deepEqual(await words(t, one, 1), ['unharmed'])
})
