'use strict'

// Prints its pid, its parent and its terminal ten times a second. main.js starts it with log.txt as its output.

const { controllingTerminal, setsid } = require('procnative')

// setsid() fails only for the leader of a process group. Here the leader is the parent, or the shell.
if (process.argv[2] === 'self') setsid()

function say() {
  console.log(`I am ${process.pid}, child of ${process.ppid}, on terminal ${controllingTerminal() ?? '?'}`)
}

say()
setInterval(say, 100)
