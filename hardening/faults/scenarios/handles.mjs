// Kinds of handles, and objects that adopt them.

import assert from 'node:assert/strict'
import childProcess from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import { listenUnix, recvFds, sendFds, socketpair } from '../../../index.js'

export default async function handles({ directory, after }) {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => server.close())
  const client = net.connect(server.address().port, '127.0.0.1')
  after(() => client.destroy())
  const [accepted] = await once(server, 'connection')
  after(() => accepted.destroy())
  const datagrams = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  await once(datagrams, 'listening')
  after(() => datagrams.close())
  const file = fs.openSync('/dev/null')
  after(() => fs.closeSync(file))
  const folder = fs.openSync(directory)
  after(() => fs.closeSync(folder))
  const piped = childProcess.spawn('true', { stdio: ['ignore', 'pipe', 'ignore'] })
  const exit = once(piped, 'exit')
  after(() => exit)
  after(() => piped.stdout.destroy())
  const unix = listenUnix(`\0procnative-faults-${process.pid}`)
  after(() => unix.close())

  const [one, other] = socketpair('seqpacket')
  after(() => one.close())
  after(() => other.close())
  const sendable = [server, client, datagrams, file, folder, piped.stdout, unix]
  sendFds(one, Buffer.from('text'), sendable)
  const received = recvFds(other)
  for (const handle of received.handles) after(() => handle.close())
  assert.deepEqual(
    received.handles.map(({ kind }) => kind),
    ['tcp-server', 'tcp-socket', 'udp', 'character-device', 'directory', 'unix-socket', 'unix-server'],
  )
  assert.deepEqual([one.kind, other.kind], ['unix-seqpacket', 'unix-seqpacket'])
  for (const handle of received.handles) {
    if (['character-device', 'directory'].includes(handle.kind)) continue
    const adopted = handle.adopt()
    after(() => (adopted.destroy ? adopted.destroy() : adopted.close()))
  }
}
