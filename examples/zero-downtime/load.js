'use strict'

// node examples/zero-downtime/load.js URL: requests URL without a pause until SIGTERM. Three clients keep their connections.
// Three clients make a new connection for each request. Then prints the results as JSON.

const http = require('node:http')

const [url] = process.argv.slice(2)
/** @type {string[]} */
const failures = []
const processes = new Set()
let requests = 0
let over = false
process.on('SIGTERM', () => {
  over = true
})

/** @param {http.Agent} agent @returns {Promise<string>} */
function ask(agent) {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent }, async (response) => {
      const text = (await response.setEncoding('utf8').toArray()).join('')
      response.statusCode === 200 ? resolve(text.trim()) : reject(new Error(`status ${response.statusCode}`))
    })
    request.on('error', reject)
  })
}

async function client(/** @type {http.Agent} */ agent) {
  while (!over) {
    requests++
    try {
      processes.add(await ask(agent))
    } catch (error) {
      failures.push(String(error))
    }
  }
  agent.destroy()
}

const agents = [true, true, true, false, false, false].map((keepAlive) => new http.Agent({ keepAlive, maxSockets: 1 }))
Promise.all(agents.map(client)).then(() => {
  console.log(JSON.stringify({ requests, failures, processes: processes.size }))
})
