// net.Sockets of Unix sockets, which channels take over.

import { once } from 'node:events'
import net from 'node:net'
import path from 'node:path'
import { temporary } from '../../helpers/harness.mjs'

/** Returns two connected net.Sockets: the socket that connected, and the accepted socket. */
export async function sockets(t, options = {}) {
  const server = net.createServer(options).listen(path.join(temporary(t), 'socket'))
  t.after(() => server.close())
  await once(server, 'listening')
  const client = net.connect(server.address())
  const [connection] = await once(server, 'connection')
  if (client.connecting) await once(client, 'connect')
  for (const socket of [client, connection]) {
    socket.on('error', () => {})
    t.after(() => socket.destroy())
  }
  return [client, connection]
}
