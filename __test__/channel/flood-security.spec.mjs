// Attacks on a channel by well-formed bytes: floods, and names that could change prototypes. Other users at abstract names.
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
  test(`Channel '${serialization}': keeps __proto__ and constructor as properties of the message`, {
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

test('Channel: takes a million empty carriers without harm to other peers', { contract: 'H6' }, async (t) => {
  const one = await server(t)
  const many = Buffer.concat(Array(100_000).fill(header(0, CARRIER)))
  await one.attacked(send(many, 0, 10), send(frame('1')), 'shut')
  assert.deepEqual(await one.ended(), { code: null, messages: 1, handles: 0 })
  await one.isWell()
})

test('Channel: takes a million one-byte messages without harm to other peers', { contract: 'H6' }, async (t) => {
  const one = await server(t)
  const many = Buffer.concat(Array(100_000).fill(frame('1')))
  await one.attacked(send(many, 0, 10), 'shut')
  assert.deepEqual(await one.ended(), { code: null, messages: 1_000_000, handles: 0 })
  await one.isWell()
})

test('listenChannel(): refuses another user at an abstract name by default', {
  contract: 'H11',
  ...anotherUser,
}, async (t) => {
  const name = `@procnative-security-${process.pid}`
  const connections = []
  const one = await listenChannel(name, {}, (channel) => connections.push(channel))
  t.after(() => one.close())
  const marker = path.join(temporary(t), 'sent')
  const { ended } = program(t, 'channel/send-garbage.py', [name, marker], { prefix: AS_NOBODY })
  while (!fs.existsSync(marker));
  assert.deepEqual(await ended(), { code: 0, said: [{ outcome: 'ECONNRESET' }] })
  assert.deepEqual(connections, [])
})
