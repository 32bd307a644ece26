// Channels to a path: the server checks and answers each client.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { connectChannel, listenChannel } from '../../../index.js'
import { Refusal } from '../told.mjs'

export default async function channelServer({ directory, after }) {
  const file = path.join(directory, 'socket')
  let fail
  const failed = new Promise((_, reject) => {
    fail = reject
  })
  failed.catch(() => {})
  process.on('warning', fail)
  after(() => process.off('warning', fail))
  const server = await listenChannel(file, {}, (connection) => {
    after(() => connection.destroy())
    connection.on('error', fail)
    connection.on('message', (message) => connection.send(message).catch(fail))
  })
  after(() => fs.rmSync(file, { force: true }))
  after(() => server.close())
  server.on('error', fail)
  const client = await connectChannel(file)
  after(() => client.destroy())
  assert.equal(client.peer.pid, process.pid)
  client.on('error', fail)
  // A reset between two messages is the end of the peer, not an error.
  const closed = () => fail(new Refusal('it was closed'))
  client.on('close', closed)
  await Promise.race([client.send('text'), failed])
  const [message] = await Promise.race([once(client, 'message'), failed])
  assert.equal(message, 'text')
  client.off('close', closed)
  await Promise.race([client.close(), failed])
  await server.close()
}
