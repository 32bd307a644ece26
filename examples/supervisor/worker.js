'use strict'

// A worker: serves on the socket that the master hands it, until it is told to leave.

const http = require('node:http')
const { parentChannel, setParentDeathSignal } = require('procnative')
const settings = require('./settings.js')

/** @type {typeof import('./app.js')} */
const app = require(settings.app)

process.title = 'supervisor: worker'
// A master that is killed tells nobody. Without this, workers would go on serving as orphans, and hold the port.
setParentDeathSignal('SIGTERM')

const channel = /** @type {import('procnative').Channel} */ (parentChannel())
/** @type {import('node:net').Server | undefined} */
let listener
let leaving = false
/** @type {Set<http.ServerResponse>} */
const answers = new Set()

const server = http.createServer((request, response) => {
  answers.add(response)
  response.on('close', () => answers.delete(response))
  if (leaving) isLast(response)
  app.handle(request, response)
})

/** Who is connected may be about to ask for more: a connection is closed after an answer that says so. @param {http.ServerResponse} response */
function isLast(response) {
  if (!response.headersSent) response.setHeader('connection', 'close')
}

channel.on('message', (message, [handle]) => {
  if (message === 'serve') serve(handle)
  else if (message === 'leave') leave(0)
  else app.job(message.job)
})

/** @param {import('procnative').Handle} handle */
function serve(handle) {
  listener = /** @type {import('node:net').Server} */ (handle.adopt())
  listener.on('connection', (socket) => server.emit('connection', socket))
  tell('ready')
}

/** Accepts no more, answers whom it has, and ends. @param {number} code */
function leave(code) {
  if (leaving) return
  leaving = true
  answers.forEach(isLast)
  if (!listener) process.exit(code)
  listener.close(() => process.exit(code))
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
// Nobody knows in what state the program is now. But others are being served: they get their answers, and the master
// starts somebody else meanwhile.
process.on('uncaughtException', (error) => {
  console.error(error)
  tell('dying')
  leave(1)
})
