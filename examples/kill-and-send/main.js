'use strict'

// kill() sends a signal, and send() a message:
//
//   node examples/kill-and-send/main.js     ends at the end of its input (Ctrl-D)
//
// In spite of its name kill(2) ends nobody. It delivers a signal, by default SIGTERM, and what comes of that depends on who
// gets it. A program can handle a signal, as worker.js does, and go on. For one that it says nothing about there is a default
// (signal(7)), which is mostly to end the process: so it is for `grep`. A message goes over a channel, and is whatever both ends
// make of it.

const { once } = require('node:events')
const path = require('node:path')
const { fork, spawn, waitpid } = require('procnative')
const { endOfInput } = require('../shared/input.js')

async function main() {
  const worker = fork(path.join(__dirname, 'worker.js'))
  const exit = once(worker, 'exit')
  worker.handles.on('message', (message) => console.log(`worker ${worker.pid} says`, message))
  // It handles SIGTERM from now on; before, that would have ended it.
  await once(worker.handles, 'message')

  worker.kill()
  await once(worker.handles, 'message')
  worker.handles.send({ add: [1, 2] })
  await once(worker.handles, 'message')

  const grep = spawn('grep', ['ssh'], { stdio: ['pipe', 'ignore', 'inherit'] })
  console.log(`grep ${grep.pid} waits for something to read`)
  await endOfInput('goes on')

  // Who was killed by a signal has no exit code, since it did not come to exit.
  grep.kill('SIGHUP')
  tell('grep', await grep.wait())
  grep.stdio[0]?.destroy()

  // One that has nothing to read ends by itself: it has found nothing, which is 1. waitpid(2) itself holds everything up.
  const other = spawn('grep', ['ssh'], { stdio: 'ignore' })
  tell('grep', waitpid(other.pid))

  worker.handles.send({ exit: 3 })
  const [code, signal] = await exit
  console.log(`worker ${worker.pid} exit code ${code}, signal ${signal}`)
}

/** @param {string} name @param {import('procnative').WaitStatus | null} status null is for those who don't wait */
function tell(name, status) {
  console.log(`${name} ${status?.pid} ${status?.state}, exit code ${status?.exitCode}, signal ${status?.signal}`)
}

main()
