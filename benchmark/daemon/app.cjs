'use strict'

// app.cjs SOCKET PORT: the program that all contenders start as a daemon, a server on the loopback device. It stays connected to
// SOCKET, reports itself there when it is up, and ends with the other side.

const http = require('node:http')
const net = require('node:net')

const [socket, port] = process.argv.slice(2)
// Half open, so that only the kernel closes this side, at the end of the process.
const benchmark = net.connect({ path: socket, allowHalfOpen: true })
benchmark.on('end', () => process.exit()).resume()

const server = http.createServer()
server.listen(Number(port), '127.0.0.1', () => {
  const up = process.hrtime.bigint()
  benchmark.write(JSON.stringify({ pid: process.pid, up: String(up), execArgv: process.execArgv }))
})

module.exports = server
