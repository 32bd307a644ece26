// Children of fork() under test.

import { once } from 'node:events'
import { fork } from '../../../index.js'
import { messages } from '../../helpers/channels.mjs'
import { fixture } from '../../helpers/run.mjs'

/** Starts a child that obeys: see obey-parent.mjs. It is killed with the test. */
export function forked(t, options, args = []) {
  const child = fork(fixture('channel/obey-parent.mjs'), args, options)
  const exit = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await exit
    child.handles.destroy()
    for (const one of child.stdio ?? []) one?.destroy()
  })
  return Object.assign(child, { ended: exit })
}

/** Sends an order. Returns the answer with its handles. */
export async function ask(t, child, order, ...args) {
  child.handles.send({ order, args: args.slice(1) }, args[0]).catch(() => {})
  const [found] = await messages(t, child.handles, 1)
  return found
}
/** Sends an order. Returns the message of the answer. */
export const answer = async (...args) => (await ask(...args)).message
