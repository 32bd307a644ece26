// Takes the socket that it is given, and says that it is ready.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import { listenFds, notify } from '../../../index.js'
import { told } from '../told.mjs'

// In its log, that it has run: that is its own then, whatever comes after.
fs.writeSync(1, 'it runs\n')
await told(() => {
  const [socket] = listenFds()
  assert.equal(socket.name, 'web')
  const server = socket.adopt()
  process.on('SIGTERM', () => server.close())
  assert.equal(notify('READY=1'), true)
})
