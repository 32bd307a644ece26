// notify() to a service manager that prints the received messages.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { notify } from '../../../index.js'

const MANAGER = fileURLToPath(new URL('../programs/manager.py', import.meta.url))
const STATES = 20

export async function notifications({ tally, directory }) {
  const socket = path.join(directory, 'notify')
  const manager = spawn('python3', [MANAGER, socket], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: manager.stdout })
  await once(lines, 'line')
  let number = 0
  return {
    async round() {
      for (let state = 0; state < STATES; state++) {
        const said = `STATUS=${number++}`
        const heard = once(lines, 'line')
        // Set for this call only, because the children of the other jobs have no manager.
        process.env.NOTIFY_SOCKET = socket
        assert.equal(notify(said), true)
        delete process.env.NOTIFY_SOCKET
        assert.deepEqual(await tally.awaited('notifications', heard), [said])
      }
    },
    async stop() {
      const exit = once(manager, 'exit')
      manager.kill()
      assert.deepEqual(await exit, [null, 'SIGTERM'])
    },
  }
}
