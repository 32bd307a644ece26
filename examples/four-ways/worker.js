'use strict'

// What main.js forks: answers, until it is killed. It ends by itself when its parent is gone: nothing is left to listen to.

const { parentChannel } = require('procnative')

const channel = parentChannel()
channel?.on('message', () => channel.send(`I am worker, PID: ${process.pid}, my parent is ${process.ppid}`))
