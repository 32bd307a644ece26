// A program to bundle: starts and stops itself as a daemon, spawns a child, and forks itself with a server. Prints the same as
// project/use.cjs.

const { once } = require('node:events')
const { isBuiltin } = require('node:module')
const fs = require('node:fs')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { text } = require('node:stream/consumers')
const { daemonize, fork, getsid, parentChannel, spawn, stopDaemon } = require('procnative')

// A single executable application has no script that node could run.
const isSingle = isBuiltin('node:sea') && require('node:sea').isSea()
const script = isSingle ? [] : [process.argv[1]]

const roles = {
  daemon() {
    daemonize({ pidFile: process.argv[3] })
    setInterval(() => {}, 2 ** 30)
  },

  worker() {
    const channel = parentChannel()
    channel.on('message', (_, [handle]) => {
      const server = handle.adopt()
      server.on('connection', (socket) => socket.end(`from ${process.argv.slice(2)}`))
      channel.on('close', () => server.close())
      channel.send('serving')
    })
  },

  async undefined() {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'bundled-'))
    const pidFile = path.join(directory, 'pid')
    const launcher = spawn(process.execPath, [...script, 'daemon', pidFile], { stdio: 'inherit' })
    const launched = await launcher.wait()
    const stopped = await stopDaemon(pidFile)
    fs.rmSync(directory, { recursive: true })

    const { exitCode } = await spawn('sh', ['-c', 'exit 7'], { stdio: 'ignore' }).wait()

    const server = net.createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address()
    const [module, ...args] = [...script, 'worker', 'one']
    const worker = fork(module, args, { execArgv: [] })
    worker.handles.send('serve', server)
    await once(worker.handles, 'message')
    server.close()
    const answer = await text(net.connect(port, '127.0.0.1'))
    worker.handles.close()
    await once(worker, 'exit')
    console.log(
      JSON.stringify({ session: getsid(0), exitCode, launched: launched.exitCode, killed: stopped.killed, answer }),
    )
  },
}

roles[process.argv[2]]()
