'use strict'

// app.cjs SOCKET PORT: the program that all of them make a daemon of, a server on the loopback device. It is connected
// to SOCKET for as long as it lives, tells there of itself when it is up, and ends when the other side does.

const http = require('node:http')
const net = require('node:net')

const [socket, port] = process.argv.slice(2)
// Half open: this side is closed by the kernel only, so that its end is the end of the process.
const benchmark = net.connect({ path: socket, allowHalfOpen: true })
benchmark.on('end', () => process.exit()).resume()

const server = http.createServer()
server.listen(Number(port), '127.0.0.1', () => {
  const up = process.hrtime.bigint()
  benchmark.write(JSON.stringify({ pid: process.pid, up: String(up), execArgv: process.execArgv }))
})

module.exports = server
