// A worker thread that ends with two children, one with a closed Process and one with an open Process.

import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { isAlive } from '../../../__test__/helpers/proc.mjs'
import { eventually } from '../../../__test__/helpers/until.mjs'
import { waitpid } from '../../../index.js'

const program = fileURLToPath(new URL('../programs/thread.mjs', import.meta.url))

export default async function worker({ after }) {
  const thread = new Worker(program)
  after(() => thread.terminate())
  const [{ error, pids }] = await once(thread, 'message')
  await thread.terminate()
  for (const pid of pids) process.kill(pid, 'SIGKILL')
  // The main thread is now the parent of the child with the open Process.
  for (const pid of error ? pids : pids.slice(0, 1)) waitpid(pid, { force: true })
  if (error) throw Object.assign(new Error(error.message), error)
  await eventually(() => !isAlive(pids[1]))
}
