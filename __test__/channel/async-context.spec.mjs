// The asynchronous context of listeners of channels and servers.

import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { channel, connectChannel, listenChannel, socketpair } from '../../index.js'
import { pair, turns } from '../helpers/channels.mjs'
import { test } from '../helpers/harness.mjs'
import { until } from '../helpers/until.mjs'

const storage = new AsyncLocalStorage()
const where = () => storage.getStore()
const address = (name) => `@procnative-context-${process.pid}-${name}`

test("Channel 'message': runs in the context of the channel’s creation", async (t) => {
  const [ours, theirs] = socketpair()
  const one = storage.run('maker', () => channel(ours))
  const other = channel(theirs)
  t.after(() => [one, other].map((end) => end.destroy()))
  const found = []
  storage.run('listener', () => one.on('message', (message) => found.push([message, where()])))
  await storage.run('sender', () => other.send('read'))
  await until(() => found.length === 1, 'a message')
  one.pause()
  for (const message of ['kept', 'too']) await storage.run('sender', () => other.send(message))
  await turns(20)
  storage.run('resumer', () => one.resume())
  await until(() => found.length === 3, 'three messages')
  assert.deepEqual(
    found,
    ['read', 'kept', 'too'].map((message) => [message, 'maker']),
  )
})

test("Channel 'error', 'close': run in the context of the channel’s creation", async (t) => {
  const [ours, theirs] = socketpair()
  const one = storage.run('maker', () => channel(ours))
  t.after(() => theirs.close())
  const found = []
  storage.run('listener', () => {
    one.on('error', ({ message }) => found.push([message, where()]))
    one.on('close', () => found.push(['close', where()]))
  })
  storage.run('destroyer', () => one.destroy(new Error('over')))
  await until(() => found.length === 2, "'error' and 'close'")
  assert.deepEqual(found, [
    ['over', 'maker'],
    ['close', 'maker'],
  ])
})

test('Channel iteration and send(): continue in the context of their caller', async (t) => {
  const [one, other] = storage.run('maker', () => pair(t))
  await storage.run('caller', async () => {
    await other.send(1)
    assert.equal(where(), 'caller')
    for await (const { message } of one) {
      assert.deepEqual([message, where()], [1, 'caller'])
      break
    }
    assert.equal(where(), 'caller')
  })
})

test('listenChannel(): all listeners run in the context of its call', async (t) => {
  const found = []
  const note = (what) => found.push([what, where()])
  const authorize = () => {
    note('authorize')
    return true
  }
  const server = await storage.run('listen', () => listenChannel(address('server'), { authorize }))
  t.after(() => server.close())
  storage.run('listener', () => {
    server.on('close', () => note('server closed'))
    server.on('connection', (client) => {
      note('connection')
      client.on('message', note).on('close', () => note('close'))
    })
  })
  const client = await storage.run('client', () => connectChannel(address('server')))
  await client.send('message')
  await client.close()
  await until(() => found.length === 4, 'the end of the connection')
  await storage.run('closer', () => server.close())
  await until(() => found.length === 5, 'the end of the server')
  assert.deepEqual(
    found,
    ['authorize', 'connection', 'message', 'close', 'server closed'].map((what) => [what, 'listen']),
  )
})
