// Unix sockets that are listened on, connected to, and listened on again.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { connectChannel, listenChannel, listenUnix } from '../../../index.js'
import { echo } from '../echo.mjs'

export function sockets({ tally, directory }) {
  let number = 0

  async function serve(name) {
    const server = listenUnix(name).adopt()
    server.on('connection', (socket) => socket.pipe(socket))
    const client = net.connect(name)
    const said = `request ${number++}`
    client.end(said)
    assert.equal(await tally.awaited('connections served', text(client)), said)
    await new Promise((resolve) => server.close(resolve))
    fs.rmSync(name)
  }
  async function channels(name) {
    const server = await listenChannel(name)
    server.on('connection', echo)
    const client = await connectChannel(name)
    const said = number++
    const came = once(client, 'message')
    tally.out('messages')
    tally.out('descriptors')
    await client.send(said, 0)
    const [message, handles] = await came
    assert.equal(message, said)
    tally.came('messages')
    tally.came('descriptors', handles.length)
    for (const handle of handles) handle.close()
    await Promise.all([client.close(), server.close()])
    if (path.isAbsolute(name)) fs.rmSync(name)
  }
  // A new name each time: until its exec, a child of another thread has copies of all descriptors of this process, so a closed
  // socket may still listen.
  const fresh = (prefix) => `${prefix}${number++}`
  return {
    round: () =>
      Promise.all([
        serve(fresh(`${directory}/served-`)),
        serve(fresh(`${directory}/served-`)),
        channels(fresh(`${directory}/channels-`)),
        channels(fresh(`@procnative-soak-${process.pid}-`)),
      ]),
  }
}
