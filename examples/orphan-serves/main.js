'use strict'

// An orphan that goes on serving when its parent is gone:
//
//   node examples/orphan-serves/main.js     says where it serves, and ends: its child does not
//   curl URL                                answered by the orphan, which says who its parent is now
//   kill PID                                ends the orphan
//
// PORT says where it listens (by default the kernel chooses).
//
// The idea that this answers: a process whose parent has exited is adopted by init (ppid 1), and a server handed to it
// before is still open.
//
// An orphan is not a daemon yet: it is still of the terminal's session. See examples/http-daemon for one.

const { once } = require('node:events')
const net = require('node:net')
const path = require('node:path')
const { fork } = require('procnative')

async function main() {
  const server = net.createServer().listen(Number(process.env.PORT ?? 0), '127.0.0.1')
  await once(server, 'listening')

  // It gets no output of ours: who reads that, as in `main.js | cat`, waits until nobody has it open any more.
  const worker = fork(path.join(__dirname, 'worker.js'), [], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  console.log(`worker process created, pid: ${worker.pid} ppid: ${process.pid}`)
  worker.once('exit', (code, signal) => {
    console.error(`the worker has ended before it served: ${signal ?? `exit code ${code}`}`)
    process.exit(1)
  })

  // What the worker gets is the listening socket itself. Neither our close nor our exit then closes that: the kernel does
  // when the last process that has it is gone.
  const serving = once(worker.handles, 'message')
  await worker.handles.send('serve', server)
  await serving

  const { port } = /** @type {net.AddressInfo} */ (server.address())
  console.log(
    `http://127.0.0.1:${port}/ is served by an orphan as soon as this process has ended: kill ${worker.pid} ends it`,
  )
  process.exit(0)
}

main()
