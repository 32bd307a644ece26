'use strict'

// The demo: starts the HTTP daemon of main.js, checks that it is a daemon, sends it requests, rotates its log, and stops it.
// Exits with 0 if all checks pass.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const http = require('node:http')
const os = require('node:os')
const path = require('node:path')
const { setImmediate: turn } = require('node:timers/promises')
const { daemonStatus, listenUnix, spawnDaemon, stopDaemon } = require('procnative')

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'procnative-demo-'))
const main = path.join(__dirname, 'main.js')
const [log, pidFile] = [path.join(directory, 'log'), path.join(directory, 'pid')]
const environment = { ...process.env, DIRECTORY: directory, PORT: '0' }

/** @param {string} command */
function daemon(command, env = {}) {
  console.log(`\n$ node examples/http-daemon/main.js ${command}`)
  const options = { encoding: /** @type {const} */ ('utf8'), env: { ...environment, ...env } }
  const { pid, status, stdout, stderr } = spawnSync(process.execPath, [main, command], options)
  process.stdout.write(stdout + stderr)
  console.log(`exit code ${status}`)
  return { pid, status, stdout, stderr }
}

/** @param {unknown} truth @param {string} claim */
function check(truth, claim) {
  console.log(`${truth ? '✔' : '✖'} ${claim}`)
  if (!truth) process.exitCode = 1
}

/** @param {http.RequestOptions} where @returns {Promise<string>} */
function ask(where) {
  return new Promise((resolve, reject) => {
    const request = http.get({ agent: false, ...where }, async (response) => {
      resolve((await response.setEncoding('utf8').toArray()).join(''))
    })
    request.on('error', reject)
  })
}

/** @param {() => unknown} truth @param {string} what */
async function until(truth, what) {
  const deadline = Date.now() + 10_000
  while (!truth()) {
    if (Date.now() > deadline) throw new Error(`${what}: not within 10 seconds`)
    await turn()
  }
}

async function demo() {
  const began = Date.now()
  const launcher = daemon('start')
  check(launcher.status === 0, 'the launcher has ended, with 0: the daemon answers')
  const { pid } = daemonStatus(pidFile)
  check(pid !== null && fs.readFileSync(pidFile, 'utf8') === `${pid}\n`, `its pid file is complete, and locked: ${pid}`)

  const { stdout: shown } = daemon('status')
  check(/^session +\d+, its leader is gone$/m.test(shown), 'it leads no session, so it can gain no terminal')
  check(/^terminal +none$/m.test(shown), 'it has no terminal')
  const parent = Number(shown.match(/^parent +(\d+)$/m)?.[1])
  check(parent > 0 && parent !== launcher.pid, 'the launcher is gone, and init (or a subreaper) its parent')
  check(/^cwd +\/$/m.test(shown), 'it keeps no directory busy')

  const port = fs.readFileSync(log, 'utf8').match(/listening at http:.*:(\d+)/)?.[1] ?? ''
  console.log(`\n$ curl http://127.0.0.1:${port}/first`)
  const answer = await ask({ port, path: '/first' })
  process.stdout.write(answer)
  check(answer === `answered by process ${pid}\n`, 'it answers')

  check(daemon('rotate').status === 0, 'its log is renamed')
  await until(() => fs.existsSync(log), 'a new log')
  await ask({ port, path: '/second' })
  console.log(`\n$ cat ${log}.1 ${log}`)
  const [old, now] = [`${log}.1`, log].map((file) => fs.readFileSync(file, 'utf8'))
  process.stdout.write(old + now)
  check(/GET \/first/.test(old) && /GET \/second/.test(now), 'its output goes to the new log from then on')

  const again = daemon('start')
  check(
    again.status === 1 && again.stderr.includes(`(pid ${pid})`),
    'a second start fails and names the running daemon',
  )
  const taken = daemon('start', { DIRECTORY: path.join(directory, 'second'), PORT: port })
  check(taken.status === 1 && /EADDRINUSE/.test(taken.stderr), 'a start on the same port fails and prints the reason')

  check(daemon('stop').status === 0, 'it stops')
  check(daemon('status').status === 1 && !fs.existsSync(pidFile), 'it is gone, and its pid file, too')

  console.log('\nspawnDaemon(): the same server, with a Unix socket as from systemd')
  const [socketPath, secondPidFile] = [path.join(directory, 'socket'), path.join(directory, 'second.pid')]
  const socket = listenUnix(socketPath)
  const second = await spawnDaemon(process.execPath, [main, 'run'], {
    listen: { http: socket },
    pidFile: secondPidFile,
    ready: 'notify',
    env: environment,
  })
  socket.close()
  const other = await ask({ socketPath })
  process.stdout.write(other)
  check(other === `answered by process ${second.pid}\n`, 'it answers on the socket')
  check((await stopDaemon(secondPidFile))?.pid === second.pid, 'it stops')
  console.log(`\n${process.exitCode ? 'Some checks failed' : 'All checks passed'}, in ${Date.now() - began} ms.`)
}

demo()
  .finally(async () => {
    await stopDaemon(pidFile)
    await stopDaemon(path.join(directory, 'second.pid'))
    fs.rmSync(directory, { recursive: true })
  })
  .catch((error) => {
    console.error(error)
    process.exitCode = 1
  })
