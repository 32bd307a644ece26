'use strict'

// A worker: serves on the socket that the master sends, until the master tells it to leave.

const http = require('node:http')
const net = require('node:net')
const { parentChannel, setParentDeathSignal } = require('procnative')

// A killed master sends no message. Without this signal, workers would go on serving as orphans, and hold the port. If the
// master died before this call, the channel closes.
setParentDeathSignal('SIGTERM')

const settings = require('./settings.js')
/** @type {typeof import('./app.js')} */
const app = require(settings.app)

process.title = 'supervisor: worker'

const channel = /** @type {import('procnative').Channel} */ (parentChannel())
let leaving = false
/** @type {Set<http.ServerResponse>} */
const answers = new Set()

const server = http.createServer((request, response) => {
  answers.add(response)
  response.on('close', () => answers.delete(response))
  if (leaving) isLast(response)
  try {
    app.handle(request, response)
  } catch (error) {
    // Answers the client of this request, which would wait in vain.
    if (!response.headersSent) response.writeHead(500, { connection: 'close' }).end()
    else if (!response.writableEnded) response.destroy()
    throw error
  }
})

channel.on('message', (message, [handle]) => {
  if (message === 'serve') server.listen({ fd: handle.take() }, () => tell('ready'))
  else if (message === 'leave') leave(0)
  else app.job(message.job)
})
channel.on('close', () => leave(0))

/** Announces the end of the connection, so that its client sends no other request. @param {http.ServerResponse} response */
function isLast(response) {
  if (!response.headersSent) response.setHeader('connection', 'close')
}

/** Stops accepting, answers the open requests, and exits. @param {number} code */
function leave(code) {
  if (leaving) return
  leaving = true
  tell('leaving')
  answers.forEach(isLast)
  if (!server.listening) process.exit(code)
  // http.Server's close() would close idle connections, on which a client may be about to send a request.
  net.Server.prototype.close.call(server, () => process.exit(code))
  setTimeout(() => process.exit(code), settings.grace)
}

/** @param {unknown} message */
function tell(message) {
  // This fails if the master has ended.
  channel.send(message).catch((error) => console.error(`${process.pid}: ${error.message}`))
}

process.on('SIGTERM', () => leave(0))
process.on('SIGINT', () => leave(0))
process.on('SIGQUIT', () => process.exit(0))
// The state of the program is unknown now, so the worker leaves. The open requests still get their answers.
process.on('uncaughtException', (error) => {
  console.error(error)
  leave(1)
})
