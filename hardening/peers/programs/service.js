// The server of the zero-downtime guide with the watchdog of the systemd guide and with its output in the journal. Daemonizes
// without --foreground. Its STATUS= says that it serves.

const http = require('node:http')
const net = require('node:net')
const { daemonize, listenFds, notify, spawnDaemon } = require('procnative')

const { RUNTIME_DIRECTORY = '/run', WATCHDOG_USEC } = process.env
const pidFile = `${RUNTIME_DIRECTORY}/app.pid`
const [handed] = listenFds()
const foreground = handed !== undefined || process.argv.includes('--foreground')
const daemon = daemonize({ pidFile, stdout: 'inherit', stderr: 'inherit', ready: 'manual', foreground })

const server = http.createServer((_request, response) => response.end(`Hello from ${process.pid}\n`))
if (WATCHDOG_USEC) setInterval(() => notify('WATCHDOG=1'), WATCHDOG_USEC / 2000).unref()
process.on('SIGHUP', () => reload().catch(console.error))
process.on('SIGTERM', () => server.close(() => process.exit()))
server.listen(handed ? { fd: handed.take() } : { port: 8080 }, () => {
  daemon.ready()
  notify(`STATUS=${process.pid} serves`)
})

async function reload() {
  const options = { listen: { http: server }, pidFile, ready: 'notify', stdio: ['ignore', 'inherit', 'inherit'] }
  await spawnDaemon(process.execPath, process.argv.slice(1), options)
  net.Server.prototype.close.call(server, () => process.exit())
}
