// Short children of fork(), each with a channel.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { fork, sendHandle, socketpair } from '../../../index.js'

const ECHO = fileURLToPath(new URL('../programs/echo.mjs', import.meta.url))

export function forks({ tally }) {
  return {
    async round() {
      const child = fork(ECHO)
      const pair = socketpair()
      tally.out('messages')
      tally.out('descriptors', 2)
      const answered = once(child.handles, 'message')
      await sendHandle(child, 'both', pair)
      const [message, handles] = await answered
      assert.equal(message, 'both')
      tally.came('messages')
      tally.came('descriptors', handles.length)
      // handles[0] is the same socket as pair[0]. Closing both closes this end of the pair.
      for (const handle of [pair[0], handles[0]]) handle.close()
      const exit = once(child, 'exit')
      await child.handles.close()
      child.disconnect()
      assert.deepEqual(await tally.awaited("'exit' events", exit), [0, null])
      for (const handle of [pair[1], handles[1]]) handle.close()
    },
  }
}
