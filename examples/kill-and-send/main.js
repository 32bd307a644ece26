'use strict'

// kill() sends a signal, and send() sends a message:
//
//   node examples/kill-and-send/main.js     ends at the end of its input (Ctrl-D)
//
// In spite of its name, kill(2) does not end a process. kill(2) sends a signal, and the receiver decides its effect. worker.js
// handles SIGTERM and goes on. `grep` handles no signal, so the default action happens, which mostly ends the process
// (signal(7)). A message goes over a channel, and both ends define its meaning.

const { once } = require('node:events')
const path = require('node:path')
const { fork, spawn, waitpid } = require('procnative')
const { endOfInput } = require('../shared/input.js')

async function main() {
  const worker = fork(path.join(__dirname, 'worker.js'))
  const exit = once(worker, 'exit')
  worker.handles.on('message', (message) => console.log(`worker ${worker.pid} says`, message))
  // The worker handles SIGTERM from now on. An earlier SIGTERM would have ended it.
  await once(worker.handles, 'message')

  worker.kill()
  await once(worker.handles, 'message')
  worker.handles.send({ add: [1, 2] })
  await once(worker.handles, 'message')

  const grep = spawn('grep', ['ssh'], { stdio: ['pipe', 'ignore', 'inherit'] })
  console.log(`grep ${grep.pid} waits for something to read`)
  await endOfInput('goes on')

  // A process that a signal killed has no exit code, because it did not call exit(2).
  grep.kill('SIGHUP')
  tell('grep', await grep.wait())
  grep.stdio[0]?.destroy()

  // This grep has no input, so it ends by itself, with 1 for "no match". waitpid() blocks the event loop until then.
  const other = spawn('grep', ['ssh'], { stdio: 'ignore' })
  tell('grep', waitpid(other.pid))

  worker.handles.send({ exit: 3 })
  const [code, signal] = await exit
  console.log(`worker ${worker.pid} exit code ${code}, signal ${signal}`)
}

/** @param {string} name @param {import('procnative').WaitStatus | null} status null only if a call does not wait */
function tell(name, status) {
  console.log(`${name} ${status?.pid} ${status?.state}, exit code ${status?.exitCode}, signal ${status?.signal}`)
}

main()
