'use strict'

// Several processes can't bind one port, but they can share one socket:
//
//   node examples/port-conflict/main.js
//
// First, each of four workers opens the port itself: one worker gets the port, and three get EADDRINUSE. Then the master opens
// a port, sends the listening socket to all workers, and closes its own descriptor.
//
// PORT is the port of the master (by default the kernel chooses one).
//
// A port belongs to one socket, but a socket may belong to many processes. After the send, each worker has a descriptor of the
// same socket, as after fork(2).

const { once } = require('node:events')
const http = require('node:http')
const net = require('node:net')
const path = require('node:path')
const { text } = require('node:stream/consumers')
const { fork } = require('procnative')
const { endOfInput } = require('../shared/input.js')

/** @typedef {import('procnative').ChildProcessWithHandles} Worker */

/** @param {Worker} worker @param {unknown} message @param {net.Server} [server] */
async function tell({ handles, pid }, message, server) {
  await handles.send(message, server)
  for await (const { message: answer } of handles) return answer
  throw new Error(`${pid} has ended`)
}

/** @param {Worker[]} workers */
async function conflict(workers) {
  console.log('\nEach worker opens the port itself:')
  // The kernel chooses a port for the first worker. The other workers try the same port.
  let wanted = 0
  for (const worker of workers) {
    const { error, port } = await tell(worker, { port: wanted })
    console.log(`${worker.pid}: ${error ?? `listening on 127.0.0.1:${port}`}`)
    wanted ||= port
  }
}

/** @param {Worker[]} workers */
async function cure(workers) {
  console.log('\nThe master opens a port, and sends the socket to all workers:')
  const server = net.createServer().listen(Number(process.env.PORT ?? 0), '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {net.AddressInfo} */ (server.address())
  for (const worker of workers) await tell(worker, {}, server)
  // If the master accepted connections, it would not answer them.
  server.close()
  await once(server, 'close')

  const url = `http://127.0.0.1:${port}/`
  console.log(`${url} is served by ${workers.map(({ pid }) => pid).join(', ')}; the master has closed it`)
  return url
}

/** Ends each worker after its answer, so that another worker answers next. @param {string} url @param {Worker[]} workers */
async function askAll(url, workers) {
  const left = new Map(workers.map((worker) => [worker.pid, worker]))
  while (left.size > 0) {
    const [response] = await once(http.get(url, { agent: false }), 'response')
    const answer = (await text(response)).trim()
    const pid = Number(answer.match(/pid: (\d+)/)?.[1])
    const worker = left.get(pid)
    if (!worker) throw new Error(`unexpected answer: ${answer}`)
    left.delete(pid)
    worker.kill()
    await once(worker, 'exit')
    console.log(`${answer} (and was ended)`)
  }
}

async function main() {
  const workers = Array.from({ length: 4 }, () => fork(path.join(__dirname, 'worker.js')))
  for (const { pid } of workers) console.log(`worker process created, pid: ${pid} ppid: ${process.pid}`)
  await conflict(workers)
  const url = await cure(workers)
  await endOfInput('goes on: ask it as often as you like')
  await askAll(url, workers)
}

main()
