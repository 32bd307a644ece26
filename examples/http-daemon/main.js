'use strict'

// An HTTP server that is a daemon:
//
//   node examples/http-daemon/main.js start     returns once the server answers, with 0, or says why it does not
//   node examples/http-daemon/main.js status    what the kernel says about it
//   node examples/http-daemon/main.js rotate    puts the log aside and begins a new one
//   node examples/http-daemon/main.js stop
//   node examples/http-daemon/main.js run       the same server in the foreground: for systemd, and in a container
//
// PORT says where it listens (8080), unless it is handed a socket; DIRECTORY where its log and its pid file are kept.

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
    // What went wrong in the daemon is thrown here, in the process that the shell waits for.
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
    // What is being answered is answered, and then the pid file goes.
    server.close(() => process.exit())
  })

  // By socket activation: systemd listens, and starts this when somebody connects.
  const [handed] = listenFds()
  const where = handed ? { fd: handed.take() } : { host: '127.0.0.1', port: Number(process.env.PORT ?? 8080) }
  server.listen(where, () => {
    console.log(`listening at ${url(server.address())}`)
    // On a host name, `listen` fails later than in the main script: so it is from here that the launcher hears of it.
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
  console.log(`session   ${found.session}, whose leader ${stat(found.session) ? 'is there' : 'is gone'}`)
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
  console.log(`stopped ${stopped.pid}${stopped.killed ? ', which did not want to' : ''}`)
}

/** @param {string} message */
function fail(message) {
  console.error(message)
  process.exitCode = 1
}
