'use strict'

// An HTTP server with a long computation:
//
//   node examples/compute/server.js     serves until Ctrl-C or SIGTERM
//   curl URL/compute-here               the server computes, and answers no other request meanwhile
//   curl URL/compute                    a child computes, and the server answers other requests meanwhile
//   curl URL                            prints the pids of the processes that compute
//
// PORT is the port to listen on (by default the kernel chooses one). The server counts the primes below BELOW.

const { once } = require('node:events')
const http = require('node:http')
const path = require('node:path')
const { fork, parentChannel } = require('procnative')
const { countPrimes } = require('./computation.js')

const below = Number(process.env.BELOW ?? 2_000_000)

/** The pids of the processes that compute. @type {Set<number | undefined>} */
const computing = new Set()

const server = http.createServer((request, response) => {
  if (request.url === '/compute-here') computeHere(response)
  else if (request.url === '/compute') computeInChild(response).catch((error) => fail(response, error))
  else response.end(`computing: ${[...computing].join(' ') || 'none'}\n`)
})

/** @param {http.ServerResponse} response */
function computeHere(response) {
  computing.add(process.pid)
  const count = countPrimes(below)
  computing.delete(process.pid)
  response.end(`${count}\n`)
}

/** @param {http.ServerResponse} response */
async function computeInChild(response) {
  const child = fork(path.join(__dirname, 'computation.js'), [String(below)])
  computing.add(child.pid)
  // If the client disconnects, stop the computation.
  response.once('close', () => child.kill('SIGKILL'))
  try {
    // The channel ends when the child ends, for any reason. At the 'exit' event, Node has reaped the child, so no zombie is
    // left when the server answers.
    const [counts, [code, signal]] = await Promise.all([messages(child.handles), once(child, 'exit')])
    if (counts.length === 0) throw new Error(`the computation has ended by ${signal ?? `exit code ${code}`}`)
    response.end(`${counts[0]}\n`)
  } finally {
    computing.delete(child.pid)
  }
}

/** Returns all messages until the channel is closed. @param {import('procnative').Channel} channel */
async function messages(channel) {
  const all = []
  for await (const { message } of channel) all.push(message)
  return all
}

/** @param {http.ServerResponse} response @param {Error} error */
function fail(response, error) {
  console.error(error.message)
  response.writeHead(500).end(`${error.message}\n`)
}

server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  const url = `http://127.0.0.1:${port}`
  console.log(`${process.pid} serves ${url}/`)
  parentChannel()?.send(url)
})
