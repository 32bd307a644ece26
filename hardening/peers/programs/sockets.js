// sockets.js [--foreground]: serves on the sockets of a .socket unit, and writes the name and kind of each to /run/app.kinds.

const fs = require('node:fs')
const http = require('node:http')
const { daemonize, listenFds } = require('procnative')

const foreground = process.argv.includes('--foreground')
const daemon = daemonize({ foreground, pidFile: '/run/app.pid', ready: 'manual' })
const handles = listenFds()
fs.writeFileSync('/run/app.kinds', JSON.stringify(handles.map(({ name, kind }) => [name, kind])))

const servers = handles
  .filter(({ kind }) => ['tcp-server', 'unix-server'].includes(kind))
  .map((handle) => {
    const server = http.createServer((_request, response) => response.end(`Hello from ${process.pid}\n`))
    return server.listen({ fd: handle.take() })
  })
daemon.ready()
process.on('SIGTERM', () => {
  for (const server of servers) server.close()
  process.exit()
})
