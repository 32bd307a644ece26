'use strict'

// What a service manager gives a process, and what it is told.

const fs = require('node:fs')
const native = require('./native.js')

const FIRST_DESCRIPTOR = 3
const PID_VARIABLES = ['LISTEN_PID', 'WATCHDOG_PID']

// The sockets that were handed to this very process, sd_listen_fds(3). One that is not open after all is an error.
function inheritedDescriptors() {
  if (process.env.LISTEN_PID !== String(process.pid)) return []
  const end = FIRST_DESCRIPTOR + Number.parseInt(process.env.LISTEN_FDS, 10)
  const descriptors = []
  for (let fd = FIRST_DESCRIPTOR; fd < end; fd++) {
    fs.fstatSync(fd)
    descriptors.push(fd)
  }
  return descriptors
}

// Tells the manager that `pid` takes this process's place, and waits until it knows: it listens to the main
// process only, and that is about to end.
function introduce(pid) {
  tellManager((socket) => {
    native.notify(socket, `MAINPID=${pid}\nREADY=1`)
    native.notifyBarrier(socket)
  })
}

function ready() {
  tellManager((socket) => native.notify(socket, 'READY=1'))
}

// Nobody may be listening, or not any more: the service runs all the same, and says so.
function tellManager(tell) {
  const socket = process.env.NOTIFY_SOCKET
  if (!socket) return
  try {
    tell(socket)
  } catch (error) {
    process.stderr.write(`procnative: the service manager could not be told: ${error.message}\n`)
  }
}

module.exports = { PID_VARIABLES, inheritedDescriptors, introduce, ready }
