'use strict'

// Serves on the socket that its parent sends, until SIGTERM.

const http = require('node:http')
const { parentChannel } = require('procnative')

const server = http.createServer((_request, response) => {
  // process.ppid calls getppid(2) each time, so it shows the new parent.
  response.end(`I am worker, pid: ${process.pid}, ppid: ${process.ppid}\n`)
})

const parent = parentChannel()
parent?.once('message', (_message, [handle]) => {
  server.listen({ fd: handle.take() }, async () => {
    await parent.send('serving')
    // The parent needs no more messages, and ends soon.
    await parent.close()
  })
})

process.on('SIGTERM', () => server.close(() => process.exit()))
