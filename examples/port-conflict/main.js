'use strict'

// Why several processes can't listen on one port, and how they can serve it all the same:
//
//   node examples/port-conflict/main.js
//
// First, each of four workers opens the port itself: one gets it, and the others EADDRINUSE. Then the master opens a port,
// hands the listening socket to all of them, and closes its own.
//
// PORT says which port that is (by default the kernel chooses).
//
// The idea that this answers: a port belongs to one socket, but a socket may belong to many processes. So it is opened once,
// and sent: each worker then has a descriptor of the same socket, as after fork(2).

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
  // The kernel chooses one for the first of them, which is the one that the others want too.
  let wanted = 0
  for (const worker of workers) {
    const { error, port } = await tell(worker, { port: wanted })
    console.log(`${worker.pid}: ${error ?? `listening on 127.0.0.1:${port}`}`)
    wanted ||= port
  }
}

/** @param {Worker[]} workers */
async function cure(workers) {
  console.log('\nThe master opens one, and hands it to all of them:')
  const server = net.createServer().listen(Number(process.env.PORT ?? 0), '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {net.AddressInfo} */ (server.address())
  for (const worker of workers) await tell(worker, {}, server)
  // Connections that the master accepted would be answered by nobody.
  server.close()
  await once(server, 'close')

  const url = `http://127.0.0.1:${port}/`
  console.log(`${url} is served by ${workers.map(({ pid }) => pid).join(', ')}; the master has closed it`)
  return url
}

/** Whoever has answered is ended, so that the next answer has to be another one's. @param {string} url @param {Worker[]} workers */
async function askAll(url, workers) {
  const left = new Map(workers.map((worker) => [worker.pid, worker]))
  while (left.size > 0) {
    const [response] = await once(http.get(url, { agent: false }), 'response')
    const answer = (await text(response)).trim()
    const pid = Number(answer.match(/pid: (\d+)/)?.[1])
    const worker = left.get(pid)
    if (!worker) throw new Error(`who is that? ${answer}`)
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
