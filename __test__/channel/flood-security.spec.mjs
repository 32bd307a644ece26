// H6, H11: what a hostile peer of a channel can't do that looks harmless by its bytes, and who does not get to be one.
// runtimes: node, bun

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import v8 from 'node:v8'
import { listenChannel, sendFds } from '../../index.js'
import { AS_NOBODY, bare, messages, program } from '../helpers/channels.mjs'
import { temporary, test } from '../helpers/harness.mjs'
import { anotherUser } from '../helpers/hostile-user.mjs'
import { CARRIER, frame, header, send, server } from './helpers/hostile-peer.mjs'

const hostileText = '{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}},"toString":1}'

for (const [serialization, payload] of [
  ['json', hostileText],
  ['advanced', v8.serialize(JSON.parse(hostileText))],
]) {
  test(`'${serialization}': properties named __proto__ and constructor are the message’s own, and no prototype’s`, {
    contract: 'H6',
  }, async (t) => {
    const [end, theirs] = bare(t, { serialization })
    sendFds(theirs, frame(payload))
    const [{ message }] = await messages(t, end, 1)
    assert.equal(Object.getPrototypeOf(message), Object.prototype)
    assert.ok(Object.hasOwn(message, '__proto__'))
    assert.equal({}.isAdmin, undefined)
    assert.equal(message.isAdmin, undefined)
  })
}

test('a million carriers that carry nothing cost nobody anything', { contract: 'H6' }, async (t) => {
  const one = await server(t)
  const many = Buffer.concat(Array(100_000).fill(header(0, CARRIER)))
  await one.attacked(send(many, 0, 10), send(frame('1')), 'shut')
  assert.deepEqual(await one.ended(), { code: null, messages: 1, handles: 0 })
  await one.isWell()
})

test('a million messages of a byte cost nobody anything', { contract: 'H6' }, async (t) => {
  const one = await server(t)
  const many = Buffer.concat(Array(100_000).fill(frame('1')))
  await one.attacked(send(many, 0, 10), 'shut')
  assert.deepEqual(await one.ended(), { code: null, messages: 1_000_000, handles: 0 })
  await one.isWell()
})

test('at an abstract name, which has no mode, another user is not let in either', {
  contract: 'H11',
  ...anotherUser,
}, async (t) => {
  const name = `@procnative-security-${process.pid}`
  const connections = []
  const one = await listenChannel(name, {}, (channel) => connections.push(channel))
  t.after(() => one.close())
  const marker = path.join(temporary(t), 'sent')
  const { ended } = program(t, 'channel/stranger.py', [name, marker], { prefix: AS_NOBODY })
  while (!fs.existsSync(marker));
  assert.deepEqual(await ended(), { code: 0, said: [{ outcome: 'ECONNRESET' }] })
  assert.deepEqual(connections, [])
})
