'use strict'

// A long computation blocks a server, unless a child process computes:
//
//   node examples/compute/main.js
//
// Makes server.js compute, first in its own process and then in a child. Meanwhile it sends other requests, one after the
// other. Prints the number of these requests that the server answered meanwhile, and the time of the slowest.
//
// JavaScript runs in one thread, so a computation delays every other request. A forked process computes on another CPU and
// sends the result as a message.

const { once } = require('node:events')
const http = require('node:http')
const path = require('node:path')
const { text } = require('node:stream/consumers')
const { fork } = require('procnative')

/** @param {string} url */
async function ask(url) {
  const [response] = await once(http.get(url, { agent: false }), 'response')
  return (await text(response)).trim()
}

/** Starts a computation, and sends other requests until it is over. @param {string} url @param {string} compute */
async function measure(url, compute) {
  let over = false
  const count = ask(url + compute).finally(() => {
    over = true
  })
  let during = 0
  let slowest = 0
  while (!over) {
    const began = performance.now()
    const answer = await ask(url)
    slowest = Math.max(slowest, performance.now() - began)
    if (answer !== 'computing: none') during++
  }
  const others = `${during} other requests were answered meanwhile, the slowest after ${slowest.toFixed()} ms`
  return `GET ${compute.padEnd(13)} ${await count} primes; ${others}`
}

/** @param {import('procnative').Channel} channel @returns {Promise<string>} */
async function firstMessage(channel) {
  for await (const { message } of channel) return message
  throw new Error('the server has ended before it served')
}

async function main() {
  const server = fork(path.join(__dirname, 'server.js'), [], { env: { ...process.env, PORT: '0' } })
  const exit = once(server, 'exit')
  try {
    const url = await firstMessage(server.handles)
    const results = [await measure(url, '/compute-here'), await measure(url, '/compute')]
    console.log(`\n${results.join('\n')}`)
  } finally {
    server.kill()
    await exit
  }
}

main()
