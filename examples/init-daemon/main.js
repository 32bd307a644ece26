'use strict'

// The init_daemon() that books on C have, step by step: fork, setsid, fork, chdir, umask, close. In procnative it is one
// call (daemon.js). This starts that daemon, shows what became of each step, and stops it:
//
//   node examples/init-daemon/main.js [TERMINAL]
//
// TERMINAL is one that the daemon tries to gain; if it is not given, the one that you sit at.

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

// Ctrl-D. Since the daemon would outlive us, what ends other programs at once has us stop it, too.
const input = readline.createInterface({ input: process.stdin })
const enough = once(input, 'close')
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => input.close())

/** Starts daemon.js and waits for the launcher. */
function start() {
  // What launchers happen to have open, and daemons have no use for.
  const leak = fs.openSync(__filename, 'r')
  const args = [path.join(__dirname, 'daemon.js'), created, ...(terminal ? [terminal] : [])]
  // This returns when nobody has the pipe at the launcher's stdout any more. Had the daemon kept it, we would wait here
  // for as long as that lives.
  const launcher = spawnSync(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit', leak] })
  fs.closeSync(leak)
  if (launcher.status !== 0) throw new Error('the daemon did not start')
  return { launcher: launcher.pid, pid: Number(fs.readFileSync(created, 'utf8')) }
}

/** What a process has open that has a path: not the epoll sets, eventfds and pipes of Node's own. @param {number} pid */
function files(pid) {
  return fs.readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      const file = fs.readlinkSync(`/proc/${pid}/fd/${fd}`)
      return file.startsWith('/') ? [`${fd} ${file}`] : []
    } catch (error) {
      // Closed meanwhile: by its other end, the launcher has just heard that it can end.
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
  console.log(`fork    the leader of that ${stat(session) ? 'is there' : 'is gone'}`)
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
