// Servers of channels under test, and connections to them.

import path from 'node:path'
import { connectChannel, listenChannel } from '../../../index.js'
import { temporary } from '../../helpers/harness.mjs'

/** Starts a server. It is closed and its channels are destroyed with the test. */
export async function serve(t, where, options, listener) {
  const server = await listenChannel(where, options, listener)
  server.on('connection', (one) => t.after(() => one.destroy()))
  t.after(() => server.close())
  return server
}

/** Connects to a server. The channel is destroyed with the test. */
export async function connect(t, where, options) {
  const one = await connectChannel(where, options)
  t.after(() => one.destroy())
  return one
}

/** Sends each message back, with its handles. */
export function answer(one) {
  one.on('message', (message, handles) => {
    one.send(message, handles).catch(() => {})
    for (const handle of handles) handle.close()
  })
}

/** Returns a path for a socket in a directory of the test's own. */
export const socketIn = (t) => path.join(temporary(t), 'socket')
