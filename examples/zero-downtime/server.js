'use strict'

// An HTTP server that replaces itself, and refuses no request meanwhile:
//
//   node examples/zero-downtime/server.js     starts the server as a daemon
//   kill -HUP $(cat DIRECTORY/pid)            starts this file again and hands the socket and the pid file over
//   kill $(cat DIRECTORY/pid)                 stops the server
//
// PORT is the port to listen on (8080). DIRECTORY has the log and the pid file.

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

// A successor inherits the listening socket of its predecessor, and is a daemon already. In a successor, daemonize() only takes
// the pid file over, and tells the predecessor when the successor is ready.
const [handed] = listenFds()
const daemon = daemonize({ pidFile, stdout: log, ready: 'manual', foreground: handed !== undefined })

let leaving = false
const server = http.createServer((_request, response) => {
  if (leaving) response.setHeader('connection', 'close')
  response.end(`${process.pid}\n`)
})

// Before the daemon is ready, because signals may come from then on.
process.on('SIGHUP', reload)
process.on('SIGTERM', stop)

const where = handed ? { fd: handed.take() } : { host: '127.0.0.1', port: Number(process.env.PORT ?? 8080) }
server.listen(where, () => {
  const { port } = /** @type {net.AddressInfo} */ (server.address())
  console.log(`${process.pid} serves http://127.0.0.1:${port}/`)
  daemon.ready()
})

/** The start of a successor, until the successor is ready or has failed. @type {Promise<{ pid: number }> | undefined} */
let starting
async function reload() {
  if (starting || leaving) return
  // The successor holds the lock of the pid file from its first moment. The file has its pid when it is ready.
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
    // Nothing has changed, so this process goes on.
    console.error(error)
  }
  starting = undefined
}

// `kill` reaches only this process, but must stop the whole program. So stop a successor, too.
async function stop() {
  const successor = await starting?.catch(() => undefined)
  if (successor) process.kill(successor.pid)
  if (!leaving) server.close(() => process.exit())
}

// Ends after all answers. A client with an idle connection may be about to send a request. So close a connection after an
// answer with `connection: close`. http.Server would close it while it is idle.
function leave() {
  leaving = true
  net.Server.prototype.close.call(server, () => process.exit())
}
