'use strict'

// Answers each message until it is killed. It also ends with its parent, because the channel then closes. main.js starts this
// worker.

const { parentChannel } = require('procnative')

const channel = parentChannel()
channel?.on('message', () => channel.send(`I am worker, PID: ${process.pid}, my parent is ${process.ppid}`))
