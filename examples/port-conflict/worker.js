'use strict'

// Serves on the port or the socket of the master's message, and answers with its address or with the error. main.js starts
// this worker.

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
// Ends with the master, for any reason.
master?.on('close', () => process.exit())
