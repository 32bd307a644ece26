'use strict'

// A worker: serves on the socket that the master hands it, until it is told to leave.

const http = require('node:http')
const net = require('node:net')
const { parentChannel, setParentDeathSignal } = require('procnative')

// A master that is killed tells nobody. Without this, workers would go on serving as orphans, and hold the port. One that is
// dead by now is heard of by the end of the channel.
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
    // Who has asked for that need not wait for what never comes.
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

/** Who is connected may be about to ask for more: a connection is closed after an answer that says so. @param {http.ServerResponse} response */
function isLast(response) {
  if (!response.headersSent) response.setHeader('connection', 'close')
}

/** Accepts no more, answers whom it has, and ends; somebody else need not wait for that. @param {number} code */
function leave(code) {
  if (leaving) return
  leaving = true
  tell('leaving')
  answers.forEach(isLast)
  if (!server.listening) process.exit(code)
  // Not http.Server's own, which would close the connections of those who are about to ask.
  net.Server.prototype.close.call(server, () => process.exit(code))
  setTimeout(() => process.exit(code), settings.grace)
}

/** @param {unknown} message */
function tell(message) {
  // A master that is gone need not be told.
  channel.send(message).catch((error) => console.error(`${process.pid}: ${error.message}`))
}

process.on('SIGTERM', () => leave(0))
process.on('SIGINT', () => leave(0))
process.on('SIGQUIT', () => process.exit(0))
// Nobody knows in what state the program is now. But others are being served, and get their answers.
process.on('uncaughtException', (error) => {
  console.error(error)
  leave(1)
})
