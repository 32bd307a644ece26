'use strict'

// An HTTP server with something to compute:
//
//   node examples/compute/server.js     serves until Ctrl-C, or SIGTERM
//   curl URL/compute-here               the server computes: nobody else is answered meanwhile
//   curl URL/compute                    a child of it computes: everybody is
//   curl URL                            says which processes compute
//
// PORT says where it listens (by default the kernel chooses), BELOW how much there is to compute: the primes below that.

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
  else response.end(`computing: ${[...computing].join(' ') || 'nobody'}\n`)
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
  // A client that goes away wants no answer.
  response.once('close', () => child.kill('SIGKILL'))
  try {
    // A channel ends when the process at its other end does, of whatever cause; and it is at the 'exit' event that Node has
    // reaped it, so that nothing of it is left when the request is answered.
    const [counts, [code, signal]] = await Promise.all([messages(child.handles), once(child, 'exit')])
    if (counts.length === 0) throw new Error(`the computation has ended by ${signal ?? `exit code ${code}`}`)
    response.end(`${counts[0]}\n`)
  } finally {
    computing.delete(child.pid)
  }
}

/** All that is said until the channel is closed. @param {import('procnative').Channel} channel */
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
