'use strict'

// Answers with its pid. The master sends either connections, or the listening socket. main.js starts this worker.

const http = require('node:http')
const { parentChannel } = require('procnative')

const master = parentChannel()
if (!master) throw new Error('this worker has no channel. Start main.js instead')

const server = http.createServer((_request, response) => response.end(`${process.pid}\n`))

master.on('message', (what, [handle]) => {
  if (what === 'connection') server.emit('connection', handle.adopt())
  else server.listen({ fd: handle.take() }, () => master.send('listening'))
})
// The channel closes when the master ends for any reason. Without this listener, the worker would go on.
master.on('close', () => process.exit())
master.send('ready')
