'use strict'

// Starts server.js and makes it replace itself 20 times (RELOADS), while load.js sends requests without a pause. Checks all the
// time that a process holds the pid file. Exits with 0 if no request failed and the file was always held.

const { spawn, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { setImmediate: turn } = require('node:timers/promises')
const { daemonStatus, stopDaemon } = require('procnative')

const reloads = Number(process.env.RELOADS ?? 20)
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'procnative-zero-downtime-'))
const pidFile = path.join(directory, 'pid')
const log = path.join(directory, 'log')

/** @param {unknown} truth @param {string} claim */
function check(truth, claim) {
  console.log(`${truth ? '✔' : '✖'} ${claim}`)
  if (!truth) process.exitCode = 1
}

async function main() {
  const env = { ...process.env, DIRECTORY: directory, PORT: '0' }
  const { status } = spawnSync(process.execPath, [path.join(__dirname, 'server.js')], { env, stdio: 'inherit' })
  check(status === 0, 'the server is up')
  const url = fs.readFileSync(log, 'utf8').match(/http:\S+/)?.[0] ?? ''

  const load = spawn(process.execPath, [path.join(__dirname, 'load.js'), url], { stdio: ['ignore', 'pipe', 'inherit'] })
  const output = load.stdout.setEncoding('utf8').toArray()

  const pids = [daemonStatus(pidFile).pid]
  let checks = 0
  let gaps = 0
  for (let reload = 0; reload < reloads; reload++) {
    const before = pids[pids.length - 1]
    process.kill(Number(before), 'SIGHUP')
    const deadline = Date.now() + 30_000
    let now
    do {
      await turn()
      now = daemonStatus(pidFile)
      checks++
      if (!now.running || now.pid === null) gaps++
      if (Date.now() > deadline) throw new Error(`${before} does not hand over: see its log, ${log}`)
    } while (now.pid === before || now.pid === null)
    pids.push(now.pid)
  }

  load.kill('SIGTERM')
  const { requests, failures, processes } = JSON.parse((await output).join(''))
  console.log(`${requests} requests were answered by ${processes} processes: ${pids.join(' → ')}`)
  check(new Set(pids).size === reloads + 1, `it has replaced itself ${reloads} times`)
  check(processes > reloads / 2, 'most of its processes have answered requests')
  check(requests > 0 && failures.length === 0, `no request has failed (${[...new Set(failures)].join(', ') || 'none'})`)
  check(gaps === 0, `the pid file always had a holder (${checks} checks)`)

  const stopped = await stopDaemon(pidFile)
  check(stopped?.pid === pids.at(-1) && !stopped?.killed, 'the last process has stopped')
  check(!fs.existsSync(pidFile), 'it has removed the pid file')
}

main()
  .finally(async () => {
    await stopDaemon(pidFile)
    fs.rmSync(directory, { recursive: true })
  })
  .catch((error) => {
    console.error(error)
    process.exitCode = 1
  })
