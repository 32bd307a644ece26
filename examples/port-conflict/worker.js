'use strict'

// Serves where its master says, on a port or on the socket that comes with the message, and answers with what came of that.

const http = require('node:http')
const { parentChannel } = require('procnative')

/** @param {{ port: number } | { fd: number }} where */
function serve(where) {
  return new Promise((resolve) => {
    const server = http.createServer((_request, response) => {
      response.end(`I am worker, pid: ${process.pid}, ppid: ${process.ppid}\n`)
    })
    server.once('error', ({ message }) => resolve({ error: message }))
    server.listen({ ...where, host: '127.0.0.1' }, () => resolve(server.address()))
  })
}

const master = parentChannel()
master?.on('message', async ({ port }, [handle]) => {
  await master.send(await serve(handle ? { fd: handle.take() } : { port }))
})
// When the master is gone, of whatever cause, there is nothing to stay for.
master?.on('close', () => process.exit())
