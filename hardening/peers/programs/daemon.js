// The app.js of README, with an orderly end, in the directory DIRECTORY or in /run.

const http = require('node:http')
const { daemonize } = require('procnative')

const { DIRECTORY = '/run' } = process.env
const daemon = daemonize({ pidFile: `${DIRECTORY}/app.pid`, stdout: `${DIRECTORY}/app.log`, ready: 'manual' })

const server = http.createServer((_request, response) => response.end(`Hello from ${process.pid}\n`))
server.listen(8080, daemon.ready)
process.on('SIGTERM', () => process.exit())
