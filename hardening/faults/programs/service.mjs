// Takes the inherited socket, and notifies its readiness.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import { listenFds, notify } from '../../../index.js'
import { told } from '../told.mjs'

// The service marks its log: it owns the log from now on, also if a later call fails.
fs.writeSync(1, 'it runs\n')
await told(() => {
  const [socket] = listenFds()
  assert.equal(socket.name, 'web')
  const server = socket.adopt()
  process.on('SIGTERM', () => server.close())
  assert.equal(notify('READY=1'), true)
})
