'use strict'

// Several processes behind one port, in both of the ways that node:cluster has:
//
//   node examples/cluster/main.js                  both of these
//   node examples/cluster/main.js round-robin      the master accepts connections and deals them out in turn
//   node examples/cluster/main.js shared           the master sends its socket to the workers, which accept connections
//
// The program asks itself, each time by a new connection, and prints how many answers each worker gave. Then it serves until
// the end of its input (Ctrl-D).
//
// The processes pass descriptors, not the bytes of the connections. With round-robin, a connection belongs to its worker:
// the master sees no byte of a request or an answer. Round-robin is even, and costs the master some work for each connection.
// A shared socket costs the master nothing, but the fastest worker gets the connection, which is not even.

const { once } = require('node:events')
const http = require('node:http')
const net = require('node:net')
const path = require('node:path')
const { text } = require('node:stream/consumers')
const { fork } = require('procnative')
const { endOfInput } = require('../shared/input.js')

/** @typedef {import('procnative').ChildProcessWithHandles} Worker */

const WORKERS = 4
const CONNECTIONS = 100

/** @type {Record<string, (server: net.Server, workers: Worker[]) => unknown>} */
const ways = { 'round-robin': deal, shared: share }

/** @param {net.Server} server @param {Worker[]} workers */
function deal(server, workers) {
  let next = 0
  server.on('connection', (socket) => {
    workers[next++ % workers.length].handles.send('connection', socket)
    // Destroyed in the same turn, so that the master has read nothing of it. The worker reads it from now on.
    socket.destroy()
  })
}

/** @param {net.Server} server @param {Worker[]} workers */
async function share(server, workers) {
  for (const { handles } of workers) {
    handles.send('server', server)
    await once(handles, 'message')
  }
  // The workers have the socket. If it stayed open here, the master would accept connections, too.
  server.close()
}

/** Starts to serve in one of the ways. Resolves with a function that stops the server. @param {string} way */
async function serve(way) {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {net.AddressInfo} */ (server.address())
  const workers = Array.from({ length: WORKERS }, () => fork(path.join(__dirname, 'worker.js')))
  // Every worker must be ready before the first connection.
  await Promise.all(workers.map(({ handles }) => once(handles, 'message')))
  await ways[way](server, workers)

  const answers = await Promise.all(Array.from({ length: CONNECTIONS }, () => ask(port)))
  console.log(`${way}: http://127.0.0.1:${port}/`)
  for (const { pid } of workers) {
    const count = answers.filter((answer) => answer === `${pid}`).length
    console.log(`  worker ${pid} ${String(count).padStart(4)}  ${'▪'.repeat(count)}`)
  }

  return async () => {
    server.close()
    const exits = workers.map((worker) => once(worker, 'exit'))
    for (const { handles } of workers) handles.close()
    await Promise.all(exits)
  }
}

/** Returns the pid of the worker that answers. @param {number} port */
async function ask(port) {
  const [response] = await once(http.get({ host: '127.0.0.1', port, agent: false }), 'response')
  return (await text(response)).trim()
}

async function main() {
  const all = Object.keys(ways)
  const [way] = process.argv.slice(2)
  if (way && !all.includes(way)) throw new Error(`unknown way "${way}". Use ${all.join(' or ')}`)
  const stops = []
  for (const one of way ? [way] : all) stops.push(await serve(one))
  await endOfInput('ends it')
  for (const stop of stops) await stop()
}

main()
