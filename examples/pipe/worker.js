'use strict'

// Prints its pid, and then each line of its input after its pid. main.js starts this worker.

const readline = require('node:readline')

console.log(`I am worker, PID: ${process.pid}`)
readline.createInterface({ input: process.stdin }).on('line', (line) => console.log(`${process.pid}: ${line}`))
