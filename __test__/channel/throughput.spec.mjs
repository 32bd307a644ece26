// H2, H3: messages by the hundred thousand between two processes, each with a descriptor.
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

/** Has another process send and receive so many, and this one what it doesn't. */
async function exchange(t, { there, here }) {
  const address = path.join(temporary(t), 'channel')
  const server = await listenChannel(address)
  t.after(() => server.close())
  const connection = once(server, 'connection')
  const ended = runScript(fixture('channel/handles-load.mjs'), [address, there, here])
  const [channel] = await connection
  const [received] = await Promise.all([receiveMany(channel, there), here > 0 && sendMany(channel, here)])
  assert.equal(received, there)
  await until(() => channel.closed, 'the other end has closed')

  const { code, stdout, stderr } = await ended
  assert.equal(code, 0, stderr)
  const [told] = reports(stdout)
  assert.equal(told.received, here)
  // What the other runtimes open and allocate is their own affair.
  if (!isNode) return
  assert.equal(told.open, 0)
  assert.ok(told.resident < 64 * MiB, `${told.resident / MiB} MiB`)
}

test('100,000 messages with a descriptor each, in bursts: none is lost, and order is kept', { contract: 'H2' }, (t) =>
  exchange(t, { there: 100_000, here: 0 }),
)

test('50,000 both ways at the same time', { contract: 'H2' }, (t) => exchange(t, { there: 50_000, here: 50_000 }))
