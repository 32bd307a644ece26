'use strict'

// Says again and again who it is and whose child. main.js has made log.txt its output.

const { controllingTerminal, setsid } = require('procnative')

// As it is not the first of its process group, which its parent is, or the shell, it may do this.
if (process.argv[2] === 'self') setsid()

function say() {
  console.log(`I am ${process.pid}, child of ${process.ppid}, on terminal ${controllingTerminal() ?? '?'}`)
}

say()
setInterval(say, 100)
