// Takes the socket that it is given, and says that it is ready.

import assert from 'node:assert/strict'
import { listenFds, notify } from '../../../index.js'
import { told } from '../told.mjs'

await told(() => {
  const [socket] = listenFds()
  assert.equal(socket.name, 'web')
  const server = socket.adopt()
  process.on('SIGTERM', () => server.close())
  assert.equal(notify('READY=1'), true)
})
