'use strict'

// What main.js starts: has a child that ends, and never waits for it. Says which, and stays until its input ends.

const { spawn, wait } = require('procnative')

// Exported only to be kept: when nobody can wait for a child any more, since its object was collected as garbage,
// procnative does.
const child = spawn('sh', ['-c', 'exit 8'], { stdio: 'ignore' })
module.exports = child

wait(child.pid, { observe: true }).then(() => console.log(child.pid))
process.stdin.resume()
