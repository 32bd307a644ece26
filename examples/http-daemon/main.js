#!/usr/bin/env node
'use strict'

// An HTTP server that is a daemon:
//
//   node examples/http-daemon/main.js start     returns once the server answers, with 0, or says why it does not
//   node examples/http-daemon/main.js status    what the kernel says about it
//   node examples/http-daemon/main.js stop
//
// PORT says where it listens (8080), DIRECTORY where its log and its state are kept.

const fs = require('node:fs')
const http = require('node:http')
const os = require('node:os')
const path = require('node:path')
const { daemonize } = require('procnative')

const directory = process.env.DIRECTORY ?? path.join(os.tmpdir(), 'procnative-http-daemon')
const log = path.join(directory, 'log')
const state = path.join(directory, 'state.json')

/** @type {Record<string, () => void>} */
const commands = { start, status, stop }
const command = commands[process.argv[2]]
if (command) command()
else fail('usage: main.js start | status | stop')

function start() {
  const other = running()
  if (other) return fail(`already running, pid ${other.pid}`)
  fs.mkdirSync(directory, { recursive: true })

  const daemon = becomeDaemon()
  if (!daemon) return

  const server = http.createServer((request, response) => {
    console.log(new Date().toISOString(), request.method, request.url)
    response.end(`answered by process ${process.pid}\n`)
  })
  // On a host name, `listen` fails later than in the main script: so it is from here that the launcher hears of it.
  server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
    fs.writeFileSync(state, JSON.stringify({ pid: daemon.pid, sid: daemon.sid, url: `http://127.0.0.1:${port}/` }))
    console.log(`listening on port ${port}`)
    daemon.ready()
  })
  process.on('SIGTERM', () => {
    console.log('stopping')
    fs.rmSync(state)
    server.close(() => process.exit(0))
    server.closeIdleConnections()
  })
}

// Returns in the daemon only. Where the server can't be started, the error that ends the daemon is what is thrown
// here, in the process that the shell waits for.
function becomeDaemon() {
  try {
    return daemonize({ stdout: log, ready: 'manual' })
  } catch (error) {
    const { message, cause } = /** @type {Error} */ (error)
    fail(cause instanceof Error ? cause.message : message)
    return undefined
  }
}

function status() {
  const daemon = running()
  const stat = daemon && procStat(daemon.pid)
  if (!stat) return fail('not running')
  console.log(`pid       ${daemon.pid}`)
  console.log(`parent    ${stat.ppid}`)
  console.log(`session   ${stat.session}, whose leader ${procStat(stat.session) ? 'is there' : 'is gone'}`)
  console.log(`terminal  ${stat.terminal === 0 ? 'none' : stat.terminal}`)
  console.log(`cwd       ${fs.readlinkSync(`/proc/${daemon.pid}/cwd`)}`)
  console.log(`log       ${log}`)
  console.log(`url       ${daemon.url}`)
}

function stop() {
  const daemon = running()
  if (!daemon) return fail('not running')
  process.kill(daemon.pid, 'SIGTERM')
  const timer = setInterval(() => {
    if (procStat(daemon.pid)) return
    clearInterval(timer)
    console.log(`stopped ${daemon.pid}`)
  }, 10)
}

// The daemon that has left its state, if it is there: a pid alone could be somebody else's by now, but not in the
// session of the daemon.
function running() {
  if (!fs.existsSync(state)) return undefined
  const daemon = JSON.parse(fs.readFileSync(state, 'utf8'))
  return procStat(daemon.pid)?.session === daemon.sid ? daemon : undefined
}

/** @param {number} pid */
function procStat(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state, ppid, , session, terminal] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' ? undefined : { ppid: Number(ppid), session: Number(session), terminal: Number(terminal) }
  } catch {
    return undefined
  }
}

/** @param {string} message */
function fail(message) {
  console.error(message)
  process.exitCode = 1
}
