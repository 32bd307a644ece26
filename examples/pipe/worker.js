'use strict'

// What main.js starts: says who it is, and then each line that it reads, with its pid before it.

const readline = require('node:readline')

console.log(`I am worker, PID: ${process.pid}`)
readline.createInterface({ input: process.stdin }).on('line', (line) => console.log(`${process.pid}: ${line}`))
