'use strict'

// The demo: starts the HTTP daemon of main.js, shows that it is a daemon, talks to it, and stops it. Ends with 0 if all
// of that was so.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'procnative-demo-'))
const main = path.join(__dirname, 'main.js')

/** @param {string} command */
function daemon(command, env = {}) {
  console.log(`\n$ node examples/http-daemon/main.js ${command}`)
  const options = {
    encoding: /** @type {const} */ ('utf8'),
    env: { ...process.env, DIRECTORY: directory, PORT: '0', ...env },
  }
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

async function demo() {
  const began = Date.now()
  const launcher = daemon('start')
  check(launcher.status === 0, 'the launcher has ended, with 0: the daemon answers')

  const { stdout: shown } = daemon('status')
  check(/^session +\d+, whose leader is gone$/m.test(shown), 'it leads no session, so it can gain no terminal')
  check(/^terminal +none$/m.test(shown), 'it has no terminal')
  const parent = Number(shown.match(/^parent +(\d+)$/m)?.[1])
  check(parent > 0 && parent !== launcher.pid, 'the launcher is gone, and init (or a subreaper) its parent')
  check(/^cwd +\/$/m.test(shown), 'it keeps no directory busy')

  const url = shown.match(/^url +(.*)$/m)?.[1] ?? ''
  console.log(`\n$ curl ${url}`)
  const answer = await (await fetch(url, { headers: { connection: 'close' } })).text()
  process.stdout.write(answer)
  check(/^answered by process \d+$/.test(answer.trim()), 'a request is answered')

  const log = path.join(directory, 'log')
  console.log(`\n$ cat ${log}`)
  const lines = fs.readFileSync(log, 'utf8')
  process.stdout.write(lines)
  check(/GET \//.test(lines), 'what it says stands in its log')

  const taken = daemon('start', { DIRECTORY: path.join(directory, 'second'), PORT: new URL(url).port })
  check(taken.status === 1, 'a second one on that port fails, and the shell hears of it')
  check(/EADDRINUSE/.test(taken.stderr), 'and says why')

  check(daemon('stop').status === 0, 'it stops')
  check(daemon('status').status === 1, 'and is gone')
  console.log(
    `\n${process.exitCode ? 'Something was not as it should be' : 'All as it should be'}, in ${Date.now() - began} ms.`,
  )
}

demo()
  .finally(() => {
    if (fs.existsSync(path.join(directory, 'state.json'))) daemon('stop')
    fs.rmSync(directory, { recursive: true })
  })
  .catch((error) => {
    console.error(error)
    process.exitCode = 1
  })
