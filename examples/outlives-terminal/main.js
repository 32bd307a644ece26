'use strict'

// What becomes of a child when its terminal is closed, or when Ctrl-C ends its parent? Start this in a terminal of its own:
//
//   node examples/outlives-terminal/main.js            b.js is an ordinary child: it dies with the terminal
//   node examples/outlives-terminal/main.js self       b.js calls setsid() itself, and goes on
//   node examples/outlives-terminal/main.js session    it is started in a session of its own, and goes on
//
// Then close the terminal, or press Ctrl-C, and look from another one at log.txt, which is in DIRECTORY
// (procnative-outlives-terminal in the directory for temporary files). `kill PID` ends b.js, and with it this program.
//
// A terminal is the controlling terminal of one session. When it is closed, the kernel sends SIGHUP to that session's leader
// and foreground processes; Ctrl-C sends them SIGINT. Whoever is in another session hears of neither.

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
  // Its input and output are not the terminal's: to write to a terminal that is gone fails, and would end it after all.
  const child = spawn(process.execPath, [path.join(__dirname, 'b.js'), way], {
    stdio: ['ignore', output, output],
    session: way === 'session',
  })
  fs.closeSync(output)
  const ended = child.wait()

  // Its first line: by then it has called setsid(), if it does.
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
