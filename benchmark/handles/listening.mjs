import { once } from 'node:events'
import net from 'node:net'

/** Returns a listening server, which all contenders can send. */
export async function listening() {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}
