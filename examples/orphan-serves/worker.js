'use strict'

// Serves on what its parent hands to it, until SIGTERM.

const http = require('node:http')
const { parentChannel } = require('procnative')

const server = http.createServer((_request, response) => {
  // Node asks the kernel for its parent each time: getppid(2).
  response.end(`I am worker, pid: ${process.pid}, ppid: ${process.ppid}\n`)
})

const parent = parentChannel()
parent?.once('message', (_message, [handle]) => {
  server.listen({ fd: handle.take() }, async () => {
    await parent.send('serving')
    // There is nothing more to say, and soon nobody to say it to.
    await parent.close()
  })
})

process.on('SIGTERM', () => server.close(() => process.exit()))
