'use strict'

// An HTTP server that replaces itself, and refuses nobody meanwhile:
//
//   node examples/zero-downtime/server.js     starts it, as a daemon
//   kill -HUP $(cat DIRECTORY/pid)            has it start this file anew and hand everything over
//   kill $(cat DIRECTORY/pid)                 stops it
//
// PORT says where it listens (8080), DIRECTORY where its log and its pid file are kept.

const fs = require('node:fs')
const http = require('node:http')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { daemonize, listenFds, spawnDaemon } = require('procnative')

const directory = process.env.DIRECTORY ?? path.join(os.tmpdir(), 'procnative-zero-downtime')
fs.mkdirSync(directory, { recursive: true })
const pidFile = path.join(directory, 'pid')
const log = path.join(directory, 'log')

// A successor is given the socket on which its predecessor listens, and is a daemon already. All that daemonize() has
// left to do there is to take the pid file over, and to tell the predecessor when it is ready.
const [handed] = listenFds()
const daemon = daemonize({ pidFile, stdout: log, ready: 'manual', foreground: handed !== undefined })

let leaving = false
const server = http.createServer((_request, response) => {
  if (leaving) response.setHeader('connection', 'close')
  response.end(`${process.pid}\n`)
})

// Before it is ready: from then on it may be told anything.
process.on('SIGHUP', reload)
process.on('SIGTERM', stop)

const where = handed ? { fd: handed.take() } : { host: '127.0.0.1', port: Number(process.env.PORT ?? 8080) }
server.listen(where, () => {
  const { port } = /** @type {net.AddressInfo} */ (server.address())
  console.log(`${process.pid} serves http://127.0.0.1:${port}/`)
  daemon.ready()
})

/** A successor, until it is ready or has failed. @type {Promise<{ pid: number }> | undefined} */
let starting
async function reload() {
  if (starting || leaving) return
  // The successor has the pid file's lock from its first moment, and its pid is in the file when it is ready.
  starting = spawnDaemon(process.execPath, [...process.execArgv, __filename], {
    listen: { http: server },
    pidFile,
    ready: 'notify',
    stdio: ['ignore', log, log],
  })
  try {
    const { pid } = await starting
    console.log(`${process.pid} has handed over to ${pid}`)
    leave()
  } catch (error) {
    // Nothing has changed: this process goes on.
    console.error(error)
  }
  starting = undefined
}

// A signal is meant for the whole program, but `kill` reaches this process only. So stop a successor, too.
async function stop() {
  const successor = await starting?.catch(() => undefined)
  if (successor) process.kill(successor.pid)
  if (!leaving) server.close(() => process.exit())
}

// Ends when everybody has been answered. Who is connected may be about to ask for more, so a connection is closed after
// an answer that says so, and not, as http.Server does, while it is idle.
function leave() {
  leaving = true
  net.Server.prototype.close.call(server, () => process.exit())
}
