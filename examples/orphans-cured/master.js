'use strict'

// node examples/orphans-cured/master.js [asks | master]: starts a worker and waits for it. With `master`, this process makes
// the worker end with it. With `asks`, the worker asks for that itself.

const path = require('node:path')
const { spawn } = require('procnative')

const [cure] = process.argv.slice(2)
const args = [path.join(__dirname, 'worker.js'), ...(cure === 'asks' ? [cure] : [])]
// The option works for any program, and from the first moment. A worker that asks itself may lose its master before that.
const parentDeathSignal = cure === 'master' ? 'SIGTERM' : undefined
spawn(process.execPath, args, { stdio: 'inherit', parentDeathSignal }).wait()
