'use strict'

// Several processes behind one port, in both of the ways that node:cluster has:
//
//   node examples/cluster/main.js                  both of these
//   node examples/cluster/main.js round-robin      the master accepts connections, and deals them out in turn
//   node examples/cluster/main.js shared           the master hands its socket out, and the workers accept themselves
//
// It asks itself, each time by a new connection, and prints which worker has answered how often. Then it serves until the end
// of its input (Ctrl-D).
//
// What passes between the processes is a descriptor, not what comes through it. So a connection that is dealt out is the
// worker's own: the master sees no byte of a request or an answer. Dealing is even, and costs the master something for each
// connection. A socket that is shared costs it nothing, but a connection goes to whoever is quickest, which is not even.

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
    // In the same turn: nothing was read of it yet, and from here on the worker does.
    socket.destroy()
  })
}

/** @param {net.Server} server @param {Worker[]} workers */
async function share(server, workers) {
  for (const { handles } of workers) {
    handles.send('server', server)
    await once(handles, 'message')
  }
  // They have it. If it were open here, too, the master would be one of those who accept.
  server.close()
}

/** Starts to serve in a way; resolves with what stops it. @param {string} way */
async function serve(way) {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {net.AddressInfo} */ (server.address())
  const workers = Array.from({ length: WORKERS }, () => fork(path.join(__dirname, 'worker.js')))
  // All are to be there before anything comes.
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

/** Who answers. @param {number} port */
async function ask(port) {
  const [response] = await once(http.get({ host: '127.0.0.1', port, agent: false }), 'response')
  return (await text(response)).trim()
}

async function main() {
  const all = Object.keys(ways)
  const [way] = process.argv.slice(2)
  if (way && !all.includes(way)) throw new Error(`there are these ways: ${all.join(', ')}`)
  const stops = []
  for (const one of way ? [way] : all) stops.push(await serve(one))
  await endOfInput('ends it')
  for (const stop of stops) await stop()
}

main()
