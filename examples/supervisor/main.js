'use strict'

// A supervisor: a master that keeps several workers serving on one port, as a daemon. Copy the directory, and write your
// own app.js.
//
//   node examples/supervisor/main.js start     as a daemon; returns when every worker serves, or says why not
//   node examples/supervisor/main.js run       in the foreground: for systemd, in a container, or to look at (Ctrl-C)
//   node examples/supervisor/main.js status    pid, uptime, restarts and memory of each
//   node examples/supervisor/main.js reload    new workers for old ones, without refusing anybody
//   node examples/supervisor/main.js stop
//
// What can be set, by the environment, is in settings.js. Where what stands:
//
//   app.js        what is served, and a job that one worker is to do: your own
//   worker.js     serves; leaves when it is told to, or has failed
//   master.js     listens, has workers in all places, passes signals on
//   place.js      a place that a worker is to have at all times; restarts.js: after how long another, and how often
//   member.js     a worker, as its master sees it
//   control.js    how this command talks to the master; table.js: what it prints

const fs = require('node:fs')
const { daemonize, stopDaemon } = require('procnative')
const { ask } = require('./control.js')
const settings = require('./settings.js')
const { table } = require('./table.js')

/** @type {Record<string, () => unknown>} */
const commands = { start, run, status, reload, stop }
const [name] = process.argv.slice(2)
if (Object.hasOwn(commands, name)) Promise.resolve().then(commands[name]).catch(fail)
else fail(new Error('usage: main.js start | run | status | reload | stop'))

function start() {
  fs.mkdirSync(settings.directory, { recursive: true })
  serve(daemonize({ stdout: settings.log, pidFile: settings.pidFile, ready: 'manual' }))
}

function run() {
  fs.mkdirSync(settings.directory, { recursive: true })
  serve(daemonize({ foreground: true, pidFile: settings.pidFile, ready: 'manual' }))
}

/** @param {import('procnative').Daemon} daemon */
function serve(daemon) {
  // Loaded here, so that the other commands need not.
  const { Master } = require('./master.js')
  const master = new Master(daemon)
  master.start().catch((error) => {
    console.error(error.message)
    process.exit(1)
  })
}

async function status() {
  console.log(table(await ask('status')))
}

async function reload() {
  await ask('reload')
  console.log('reloaded')
}

async function stop() {
  // The master's, which may have been started with another one.
  const grace = await ask('grace').catch(() => settings.grace)
  const stopped = await stopDaemon(settings.pidFile, { timeout: grace + 5000 })
  if (!stopped) throw new Error('not running')
  console.log(`stopped ${stopped.pid}${stopped.killed ? ', which did not want to' : ''}`)
}

/** @param {Error} error */
function fail({ message, cause }) {
  // What went wrong in a daemon, not that it did.
  console.error(cause instanceof Error ? cause.message : message)
  process.exitCode = 1
}
