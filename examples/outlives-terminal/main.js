'use strict'

// A child at the end of its terminal, or when Ctrl-C ends its parent. Start this program in a new terminal:
//
//   node examples/outlives-terminal/main.js            b.js is an ordinary child, and dies with the terminal
//   node examples/outlives-terminal/main.js self       b.js calls setsid() itself, and goes on
//   node examples/outlives-terminal/main.js session    b.js starts in a new session, and goes on
//
// Then close the terminal, or press Ctrl-C, and look from another terminal at log.txt in DIRECTORY (by default
// procnative-outlives-terminal in the directory for temporary files). `kill PID` ends b.js, and then this program ends, too.
//
// A terminal is the controlling terminal of one session. At its end, the kernel sends SIGHUP to that session's leader and
// foreground processes. Ctrl-C sends SIGINT to the foreground processes. A process in another session gets neither signal.

const { once } = require('node:events')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { spawn } = require('procnative')
const { ps } = require('../shared/proc.js')

const directory = process.env.DIRECTORY ?? path.join(os.tmpdir(), 'procnative-outlives-terminal')
const log = path.join(directory, 'log.txt')

/** @param {string} way */
async function main(way) {
  fs.mkdirSync(directory, { recursive: true })
  const output = fs.openSync(log, 'w')
  const watcher = fs.watch(log)
  const written = once(watcher, 'change')
  // The child's input and output are not the terminal, because writing to a closed terminal fails and would end the child.
  const child = spawn(process.execPath, [path.join(__dirname, 'b.js'), way], {
    stdio: ['ignore', output, output],
    session: way === 'session',
  })
  fs.closeSync(output)
  const ended = child.wait()

  // Waits for the first line. With `self`, the child has called setsid() by then.
  await Promise.race([written, ended])
  watcher.close()
  console.log(`I am ${process.pid}, and my child is ${child.pid}. It writes to ${log}`)
  console.log(ps([process.pid, child.pid]))
  console.log(
    `Close this terminal, or press Ctrl-C. Look at the log from another one, and end b.js by: kill ${child.pid}`,
  )

  const { exitCode, signal } = await ended
  console.log(`b.js has ended: ${signal ?? exitCode}`)
}

const [way = 'child'] = process.argv.slice(2)
if (['child', 'self', 'session'].includes(way)) main(way)
else {
  console.error('usage: main.js [self | session]')
  process.exitCode = 1
}
