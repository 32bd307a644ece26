// Hundreds of thousands of messages between two processes, each with a descriptor.
// runtimes: node, bun

import assert from 'node:assert/strict'
import { once } from 'node:events'
import path from 'node:path'
import { listenChannel } from '../../index.js'
import { isNode, temporary, test } from '../helpers/harness.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, runScript } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'
import { receiveMany, sendMany } from './helpers/load.mjs'

const MiB = 1 << 20

/** Exchanges messages with another process, which sends `there` messages, while this process sends `here` messages. */
async function exchange(t, { there, here }) {
  const address = path.join(temporary(t), 'channel')
  const server = await listenChannel(address)
  t.after(() => server.close())
  const connection = once(server, 'connection')
  const ended = runScript(fixture('channel/exchange-messages.mjs'), [address, there, here])
  const [channel] = await connection
  const [received] = await Promise.all([receiveMany(channel, there), here > 0 && sendMany(channel, here)])
  assert.equal(received, there)
  await until(() => channel.closed, 'the end of the other process')

  const { code, stdout, stderr } = await ended
  assert.equal(code, 0, stderr)
  const [told] = reports(stdout)
  assert.equal(told.received, here)
  // Other runtimes open and allocate more.
  if (!isNode) return
  assert.equal(told.open, 0)
  assert.ok(told.resident < 64 * MiB, `${told.resident / MiB} MiB`)
}

test('Channel: delivers 100,000 messages with descriptors in order, in bursts', { contract: 'H2' }, (t) =>
  exchange(t, { there: 100_000, here: 0 }),
)

test('Channel: delivers 50,000 messages with descriptors each way at once', { contract: 'H2' }, (t) =>
  exchange(t, { there: 50_000, here: 50_000 }),
)
