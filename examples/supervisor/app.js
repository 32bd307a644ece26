'use strict'

// What is served: put your own here.

/** Answers a request; in a worker. @type {import('node:http').RequestListener} */
function handle(request, response) {
  response.end(`I am worker, pid: ${process.pid}, ppid: ${process.ppid}\n`)
  // To see what happens then.
  if (request.url === '/crash') throw new Error('a bug')
}

/** What is to be done once, and not once by each worker: the master tells one of them. @param {number} number */
function job(number) {
  console.log(`job ${number} in ${process.pid}`)
}

module.exports = { handle, job }
