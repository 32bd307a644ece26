'use strict'

// A server that can be told from others in a list of processes, by a name that it gives itself, and by one that it is given.
//
//   node examples/process-title/main.js     stays until Ctrl-C, or SIGTERM
//
// PORT says where it listens; by default the kernel chooses.
//
// It answers the first idea that people have of a process: a number, and a name in a list. A name is only what somebody
// says. What the kernel says is /proc/PID/exe, the program's file.

const { once } = require('node:events')
const fs = require('node:fs')
const http = require('node:http')
const path = require('node:path')
const { spawn } = require('procnative')

// Node.js writes it over the command line that it was started with, so that it is cut where that ended. Its first 15 bytes
// become the name of the main thread too, which top(1) and pgrep(1) go by.
process.title = 'a server with a name'

// From outside: the first word of a command line is whatever the parent says. Nothing is overwritten, and nothing is cut.
// This child lives until its input ends, which it does when we end, whatever the cause.
const named = spawn(process.execPath, [path.join(__dirname, 'named.js')], {
  argv0: 'a child that was named by its parent',
  stdio: ['pipe', 'pipe', 'inherit'],
})
const [input, output] = /** @type {import('node:net').Socket[]} */ (named.stdio)

const server = http.createServer((_request, response) => {
  response.end(`${process.title}, process.pid: ${process.pid}\n`)
})
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', async () => {
  // It has its command line for certain once it has said something.
  await once(output, 'data')
  show('process.title', process.pid)
  show('argv0', named.pid)
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  console.log(`http://127.0.0.1:${port}/`)
})

/** What a supervisor, or ps(1), can see. @param {string} what @param {number} pid */
function show(what, pid) {
  const words = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean)
  console.log(`${what}: process.pid: ${pid}`)
  console.log(`  /proc/${pid}/comm     ${fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd()}`)
  console.log(`  /proc/${pid}/cmdline  ${words.join(' ')}`)
  console.log(`  /proc/${pid}/exe      ${fs.readlinkSync(`/proc/${pid}/exe`)}`)
}

/** @type {NodeJS.Signals[]} */
const signals = ['SIGINT', 'SIGTERM']
for (const signal of signals) {
  process.once(signal, () => {
    server.close()
    input.end()
    // Waited for, the child is no zombie. Then nothing is left to do here, and the process ends.
    named.wait()
  })
}
