'use strict'

// An orphan that goes on serving after the end of its parent:
//
//   node examples/orphan-serves/main.js     prints the URL and ends; its child goes on
//   curl URL                                the orphan answers with the pid of its new parent
//   kill PID                                ends the orphan
//
// PORT is the port to listen on (by default the kernel chooses one).
//
// init adopts a process whose parent has exited (ppid 1). A server that the parent has sent to the process stays open.
//
// An orphan is no daemon, because it is still in the session of the terminal. For a daemon, see examples/http-daemon.

const { once } = require('node:events')
const net = require('node:net')
const path = require('node:path')
const { fork } = require('procnative')

async function main() {
  const server = net.createServer().listen(Number(process.env.PORT ?? 0), '127.0.0.1')
  await once(server, 'listening')

  // The worker does not inherit the output. In `main.js | cat`, cat would wait until the worker has closed it, too.
  const worker = fork(path.join(__dirname, 'worker.js'), [], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  console.log(`worker process created, pid: ${worker.pid} ppid: ${process.pid}`)
  worker.once('exit', (code, signal) => {
    console.error(`the worker has ended before it served: ${signal ?? `exit code ${code}`}`)
    process.exit(1)
  })

  // The worker gets the listening socket itself. The exit of this process does not close the socket. The kernel closes it
  // when the last process with a descriptor of it has closed that descriptor.
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
