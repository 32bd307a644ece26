'use strict'

// node examples/orphans-cured/worker.js [asks]: says its pid and goes on until its standard input ends, which main.js keeps
// open. With `asks`, it ends with its master, too.

const { setParentDeathSignal } = require('procnative')

// Whatever the master dies of, be it SIGKILL: it is the kernel that sends this.
if (process.argv[2] === 'asks') setParentDeathSignal('SIGTERM')

// Only now, since to whom this is told may kill the master.
console.log(process.pid)
process.stdin.resume()
