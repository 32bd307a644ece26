'use strict'

// A daemon that works in /usr and writes two logs:
//
//   node examples/daemon-log/main.js start
//   node examples/daemon-log/main.js status
//   node examples/daemon-log/main.js stop
//
// DIRECTORY is an existing directory for stdout.log, stderr.log and the pid file. Its default is made in the directory for
// temporary files. To rotate a log: mv stdout.log stdout.log.1 && kill -HUP PID, with the pid that `status` prints.
//
// The classic steps to a daemon are a child, a session, a working directory, and the end of the parent. `daemonize()` does
// them all. The parent exits with 0 if the daemon runs, or with 1 and the reason.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { daemonize, daemonStatus, stopDaemon } = require('procnative')
const { stat } = require('../shared/proc.js')

// Makes DIRECTORY absolute. daemonize() opens the logs before it changes the working directory to /usr. But the daemon
// itself resolves a relative name, such as ./stdout.log, in /usr. An ordinary user may not write there.
const home = path.join(os.tmpdir(), 'procnative-daemon-log')
const directory = path.resolve(process.env.DIRECTORY ?? home)
const [stdout, stderr, pidFile] = ['stdout.log', 'stderr.log', 'pid'].map((name) => path.join(directory, name))

/** @type {Record<string, () => unknown>} */
const commands = { start, status, stop }
const command = commands[process.argv[2]]
if (command) command()
else fail('usage: main.js start | status | stop')

function start() {
  if (directory === home) fs.mkdirSync(home, { recursive: true })
  let daemon
  try {
    // Returns in the daemon only.
    daemon = daemonize({ cwd: '/usr', stdout, stderr, pidFile })
  } catch (error) {
    return fail(/** @type {Error} */ (error).message)
  }
  // The logs are descriptors 1 and 2, so they get all output of the program and of its children.
  write()
  setInterval(write, 500)
  process.on('SIGHUP', daemon.reopenLogs)
  // process.exit() runs the exit handlers, and one of them removes the pid file.
  process.on('SIGTERM', () => process.exit())
}

function write() {
  console.log(`${new Date().toISOString()} daemon pid: ${process.pid}, ppid: ${process.ppid}`)
  console.error(`${new Date().toISOString()} it works in ${process.cwd()}`)
}

function status() {
  const { pid } = daemonStatus(pidFile)
  const found = pid === null ? undefined : stat(pid)
  if (!found) return fail('not running')
  console.log(`pid       ${pid}`)
  console.log(`parent    ${found.ppid}`)
  console.log(`cwd       ${fs.readlinkSync(`/proc/${pid}/cwd`)}`)
  console.log(`terminal  ${found.terminal === '?' ? 'none' : found.terminal}`)
  console.log(`logs      ${stdout}, ${stderr}`)
}

async function stop() {
  const stopped = await stopDaemon(pidFile)
  if (!stopped) return fail('not running')
  console.log(`stopped ${stopped.pid}`)
}

/** @param {string} message */
function fail(message) {
  console.error(message)
  process.exitCode = 1
}
