// A daemon whose answers take a second. It ends only after the last answer. Its main process is not the launcher.

const http = require('node:http')
const { daemonize } = require('procnative')

const daemon = daemonize({ pidFile: '/run/app.pid', stdout: '/var/log/app.log', ready: 'manual' })
const server = http.createServer((_request, response) => {
  console.log('asked')
  setTimeout(() => response.end(`Hello from ${process.pid}\n`), 1000)
})
server.listen(8080, daemon.ready)
process.on('SIGTERM', () => {
  server.close(() => {
    console.log('orderly')
    process.exit()
  })
})
