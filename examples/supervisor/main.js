'use strict'

// A supervisor: a master that keeps several workers serving on one port, as a daemon. Copy the directory, and write your
// own app.js.
//
//   node examples/supervisor/main.js start     as a daemon; returns when every worker serves, or prints the error
//   node examples/supervisor/main.js run       in the foreground, for systemd, a container or a trial (Ctrl-C ends it)
//   node examples/supervisor/main.js status    prints pid, uptime, restarts and memory of each process
//   node examples/supervisor/main.js reload    replaces all workers, and refuses no request
//   node examples/supervisor/main.js stop
//
// settings.js lists the settings, which are environment variables. The other files:
//
//   app.js        your own app: the answer to a request, and a job that one worker does
//   worker.js     serves; leaves on command or after an error
//   master.js     listens, keeps a worker in each place, passes signals on
//   place.js      a place that always needs a worker
//   restarts.js   the pauses before restarts, and their limit
//   member.js     a worker, as its master sees it
//   control.js    the channel between a command and the master
//   table.js      the output of `status`

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
  // Loaded here, because the other commands do not need it.
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
  // The master may have another setting than this command.
  const grace = await ask('grace').catch(() => settings.grace)
  const stopped = await stopDaemon(settings.pidFile, { timeout: grace + 5000 })
  if (!stopped) throw new Error('not running')
  console.log(`stopped ${stopped.pid}${stopped.killed ? ', by SIGKILL' : ''}`)
}

/** @param {Error} error */
function fail({ message, cause }) {
  // The cause is the error inside the daemon. The message only tells that the start failed.
  console.error(cause instanceof Error ? cause.message : message)
  process.exitCode = 1
}
