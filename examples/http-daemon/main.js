'use strict'

// An HTTP server that is a daemon:
//
//   node examples/http-daemon/main.js start     exits with 0 once the server answers, or with 1 and the reason
//   node examples/http-daemon/main.js status    prints the state of the daemon, from the kernel
//   node examples/http-daemon/main.js rotate    renames the log and begins a new one
//   node examples/http-daemon/main.js stop
//   node examples/http-daemon/main.js run       the same server in the foreground, for systemd or a container
//
// PORT is the port to listen on (8080), unless the server inherits a socket. DIRECTORY has the log and the pid file.

const fs = require('node:fs')
const http = require('node:http')
const os = require('node:os')
const path = require('node:path')
const { daemonize, daemonStatus, listenFds, notify, stopDaemon } = require('procnative')
const { stat } = require('../shared/proc.js')

const directory = process.env.DIRECTORY ?? path.join(os.tmpdir(), 'procnative-http-daemon')
const log = path.join(directory, 'log')
const pidFile = path.join(directory, 'pid')

/** @type {Record<string, () => unknown>} */
const commands = { start, run, status, rotate, stop }
const command = commands[process.argv[2]]
if (command) command()
else fail('usage: main.js start | run | status | rotate | stop')

function start() {
  fs.mkdirSync(directory, { recursive: true })
  try {
    // Returns in the daemon only.
    serve(daemonize({ stdout: log, pidFile, ready: 'manual' }))
  } catch (error) {
    // The launcher, for which the shell waits, throws here. The cause is the error of the daemon.
    const { message, cause } = /** @type {Error} */ (error)
    fail(cause instanceof Error ? cause.message : message)
  }
}

function run() {
  serve(daemonize({ foreground: true, ready: 'manual' }))
}

/** @param {import('procnative').Daemon} daemon */
function serve(daemon) {
  const server = http.createServer((request, response) => {
    console.log(new Date().toISOString(), request.method, request.url)
    response.end(`answered by process ${process.pid}\n`)
  })
  process.on('SIGHUP', daemon.reopenLogs)
  process.on('SIGTERM', () => {
    console.log('stopping')
    notify('STOPPING=1')
    // Answers the open requests first. The exit then removes the pid file.
    server.close(() => process.exit())
  })

  // Socket activation: systemd listens, and starts this program at the first connection.
  const [handed] = listenFds()
  const where = handed ? { fd: handed.take() } : { host: '127.0.0.1', port: Number(process.env.PORT ?? 8080) }
  server.listen(where, () => {
    console.log(`listening at ${url(server.address())}`)
    // With a host name, `listen` can fail after the main script has ended. So the daemon reports itself ready only here.
    daemon.ready()
  })
}

/** @param {string | import('node:net').AddressInfo | null} address */
function url(address) {
  return typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}/` : 'a Unix socket'
}

function status() {
  const { pid } = daemonStatus(pidFile)
  const found = pid === null ? undefined : stat(pid)
  if (!found) return fail('not running')
  console.log(`pid       ${pid}`)
  console.log(`parent    ${found.ppid}`)
  console.log(`session   ${found.session}, its leader ${stat(found.session) ? 'is there' : 'is gone'}`)
  console.log(`terminal  ${found.terminal === '?' ? 'none' : found.terminal}`)
  console.log(`cwd       ${fs.readlinkSync(`/proc/${pid}/cwd`)}`)
  console.log(`log       ${log}`)
}

function rotate() {
  const { pid } = daemonStatus(pidFile)
  if (pid === null) return fail('not running')
  fs.renameSync(log, `${log}.1`)
  process.kill(pid, 'SIGHUP')
  console.log(`${log} is ${log}.1 now`)
}

async function stop() {
  const stopped = await stopDaemon(pidFile)
  if (!stopped) return fail('not running')
  console.log(`stopped ${stopped.pid}${stopped.killed ? ', by SIGKILL' : ''}`)
}

/** @param {string} message */
function fail(message) {
  console.error(message)
  process.exitCode = 1
}
