'use strict'

// node examples/orphans-cured/worker.js [asks]: prints its pid, and runs until its standard input ends. main.js holds the other
// end of that input. With `asks`, the worker also ends with its master.

const { setParentDeathSignal } = require('procnative')

// The kernel sends this signal when the master dies for any reason, even by SIGKILL.
if (process.argv[2] === 'asks') setParentDeathSignal('SIGTERM')

// Printed after the call above, because main.js may kill the master as soon as it has this line.
console.log(process.pid)
process.stdin.resume()
