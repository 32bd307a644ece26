'use strict'

// The init_daemon() of books on C, step by step: fork, setsid, fork, chdir, umask, close. In procnative it is one call
// (daemon.js). This program starts that daemon, shows the result of each step, and stops the daemon:
//
//   node examples/init-daemon/main.js [TERMINAL]
//
// The daemon tries to gain TERMINAL, by default the terminal of this program.

const { spawnSync } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const readline = require('node:readline')
const { controllingTerminal, openProcess } = require('procnative')
const { stat } = require('../shared/proc.js')

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'procnative-init-daemon-'))
const created = path.join(directory, 'created')
const terminal = process.argv[2] ?? controllingTerminal()

// Ctrl-D ends this program. The daemon would outlive it, so these signals stop the daemon first, too.
const input = readline.createInterface({ input: process.stdin })
const enough = once(input, 'close')
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => input.close())

/** Starts daemon.js and waits for the launcher. */
function start() {
  // A descriptor that the launcher inherits, and that the daemon closes.
  const leak = fs.openSync(__filename, 'r')
  const args = [path.join(__dirname, 'daemon.js'), created, ...(terminal ? [terminal] : [])]
  // spawnSync() returns when no process has the pipe at the launcher's stdout. If the daemon kept the pipe, this call would
  // wait for the end of the daemon.
  const launcher = spawnSync(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit', leak] })
  fs.closeSync(leak)
  if (launcher.status !== 0) throw new Error('the daemon did not start')
  return { launcher: launcher.pid, pid: Number(fs.readFileSync(created, 'utf8')) }
}

/** Returns the descriptors that have a path. Node's epoll sets, eventfds and pipes have none. @param {number} pid */
function files(pid) {
  return fs.readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      const file = fs.readlinkSync(`/proc/${pid}/fd/${fd}`)
      return file.startsWith('/') ? [`${fd} ${file}`] : []
    } catch (error) {
      // The daemon has closed this descriptor meanwhile: its link to the launcher, which has just ended.
      if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return []
      throw error
    }
  })
}

/** @param {number} launcher @param {number} pid */
function show(launcher, pid) {
  const found = stat(pid)
  if (!found) throw new Error('the daemon is gone')
  const { ppid, session, terminal: own } = found
  const umask = fs.readFileSync(`/proc/${pid}/status`, 'utf8').match(/^Umask:\s*(\d+)/m)?.[1]
  const mode = (fs.statSync(created).mode & 0o777).toString(8)
  console.log(`the daemon is ${pid}; launcher ${launcher} has ended, with 0`)
  console.log(`fork    its parent is ${ppid}`)
  console.log(`setsid  its session is ${session}`)
  console.log(`fork    the leader of its session ${stat(session) ? 'is there' : 'is gone'}`)
  console.log(`        its terminal: ${own}${terminal ? `, though it has opened ${terminal}` : ''}`)
  console.log(`chdir   ${fs.readlinkSync(`/proc/${pid}/cwd`)}`)
  console.log(`umask   ${umask}, so that a file it creates has mode ${mode}`)
  console.log(`close   open are ${files(pid).join(', ')}`)
}

async function main() {
  const { launcher, pid } = start()
  const daemon = openProcess(pid)
  try {
    show(launcher, pid)
    if (process.stdin.isTTY) console.log('Ctrl-D stops it.')
    await enough
  } finally {
    daemon.kill('SIGTERM')
    await daemon.wait()
  }
  console.log('stopped')
}

main().finally(() => {
  input.close()
  fs.rmSync(directory, { recursive: true })
})
