'use strict'

// Two names in a list of processes: a name that a server gives itself, and a name that a parent gives its child.
//
//   node examples/process-title/main.js     runs until Ctrl-C or SIGTERM
//
// PORT is the port to listen on (by default the kernel chooses one).
//
// A process or its parent may choose any name. /proc/PID/exe comes from the kernel: the file of the program.

const { once } = require('node:events')
const fs = require('node:fs')
const http = require('node:http')
const path = require('node:path')
const { spawn } = require('procnative')

// Node.js overwrites its command line with the title, and cuts the title to that length. The first 15 bytes also become the
// name of the main thread, which top(1) and pgrep(1) use.
process.title = 'a server with a name'

// The parent chooses the first word of a command line, of any length. This child runs until its input ends, so it ends with
// its parent.
const named = spawn(process.execPath, [path.join(__dirname, 'named.js')], {
  argv0: 'a child that was named by its parent',
  stdio: ['pipe', 'pipe', 'inherit'],
})
const [input, output] = /** @type {import('node:net').Socket[]} */ (named.stdio)

const server = http.createServer((_request, response) => {
  response.end(`${process.title}, process.pid: ${process.pid}\n`)
})
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', async () => {
  // After its first output, the child certainly has its own command line.
  await once(output, 'data')
  show('process.title', process.pid)
  show('argv0', named.pid)
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  console.log(`http://127.0.0.1:${port}/`)
})

/** Prints the names that a supervisor, or ps(1), can see. @param {string} what @param {number} pid */
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
    // Waits for the child, so that it leaves no zombie. Then this process ends, too.
    named.wait()
  })
}
