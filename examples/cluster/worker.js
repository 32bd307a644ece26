'use strict'

// Answers with its pid, on what the master hands to it: a connection, or the socket to accept connections on. main.js
// starts it.

const http = require('node:http')
const { parentChannel } = require('procnative')

const master = parentChannel()
if (!master) throw new Error('main.js starts this')

const server = http.createServer((_request, response) => response.end(`${process.pid}\n`))

master.on('message', (what, [handle]) => {
  if (what === 'connection') server.emit('connection', handle.adopt())
  else server.listen({ fd: handle.take() }, () => master.send('listening'))
})
// However the master ends: nobody else would end us.
master.on('close', () => process.exit())
master.send('ready')
