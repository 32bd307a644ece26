'use strict'

// Starts a child that ends, and never waits for it. Prints the child's pid, and runs until its input ends. main.js starts this
// program.

const { spawn, wait } = require('procnative')

// Exported only to keep the object alive: procnative waits for a child whose object was garbage collected.
const child = spawn('sh', ['-c', 'exit 8'], { stdio: 'ignore' })
module.exports = child

wait(child.pid, { observe: true }).then(() => console.log(child.pid))
process.stdin.resume()
