// A child with a channel that sends back each message.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import { fileURLToPath } from 'node:url'
import { fork } from '../../../index.js'
import { Consequence } from '../told.mjs'

const program = fileURLToPath(new URL('../programs/echo.mjs', import.meta.url))

export default async function forked({ after }) {
  const file = fs.openSync('/dev/null')
  after(() => fs.closeSync(file))
  const child = fork(program)
  const exit = once(child, 'exit')
  after(() => {
    child.kill('SIGKILL')
    child.handles.destroy()
    return exit
  })
  const failed = once(child.handles, 'error').then(([error]) => Promise.reject(error))
  const gone = exit.then(([code]) => Promise.reject(new Consequence(`the child has ended with ${code}`)))
  for (const one of [failed, gone]) one.catch(() => {})
  const answer = once(child.handles, 'message')
  answer.catch(() => {})
  await Promise.race([child.handles.send('text', file), failed, gone])
  const [message, handles] = await Promise.race([answer, failed, gone])
  for (const handle of handles) handle.close()
  assert.deepEqual([message, handles.length], ['text', 1])
  child.disconnect()
  await child.handles.close()
  await exit
}
