'use strict'

// node examples/orphans-cured/master.js [asks | master]: a daemon that has a worker, and waits for it. With `master` it sees
// to it that the worker ends when it does; with `asks` the worker does so itself.

const path = require('node:path')
const { spawn } = require('procnative')

const [cure] = process.argv.slice(2)
const args = [path.join(__dirname, 'worker.js'), ...(cure === 'asks' ? [cure] : [])]
// This is the shorter way, it works for any program, and there is no moment in which the worker has not asked yet.
const parentDeathSignal = cure === 'master' ? 'SIGTERM' : undefined
spawn(process.execPath, args, { stdio: 'inherit', parentDeathSignal }).wait()
