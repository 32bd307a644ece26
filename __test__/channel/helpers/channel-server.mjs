// Servers of channels under test, and connections to them.

import path from 'node:path'
import { connectChannel, listenChannel } from '../../../index.js'
import { temporary } from '../../helpers/harness.mjs'

/** A server, closed with the test, and its channels destroyed. */
export async function serve(t, where, options, listener) {
  const server = await listenChannel(where, options, listener)
  server.on('connection', (one) => t.after(() => one.destroy()))
  t.after(() => server.close())
  return server
}

export async function connect(t, where, options) {
  const one = await connectChannel(where, options)
  t.after(() => one.destroy())
  return one
}

/** Answers each message with the same, and its handles. */
export function answer(one) {
  one.on('message', (message, handles) => {
    one.send(message, handles).catch(() => {})
    for (const handle of handles) handle.close()
  })
}

/** A path that is the test's own. */
export const socketIn = (t) => path.join(temporary(t), 'socket')
