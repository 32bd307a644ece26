'use strict'

// The app. Replace it by your own.

/** Answers a request in a worker. @type {import('node:http').RequestListener} */
function handle(request, response) {
  response.end(`I am worker, pid: ${process.pid}, ppid: ${process.ppid}\n`)
  // To try a crash.
  if (request.url === '/crash') throw new Error('a bug')
}

/** Does a job that must run once, not once in each worker. The master tells one worker. @param {number} number */
function job(number) {
  console.log(`job ${number} in ${process.pid}`)
}

module.exports = { handle, job }
