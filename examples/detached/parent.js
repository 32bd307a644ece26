'use strict'

// Starts a child that is to outlive it, prints its pid, and ends at the end of its input. main.js starts it.
//
// For child_process this takes `detached`, so that the child has a session of its own, and unref(), since a child keeps the
// event loop of its parent alive. Here the option has the session's name. The other has no counterpart that one has to know:
// a child keeps nothing alive, only a wait() for it does, and that can be unref()ed.

const { spawn } = require('procnative')

// No pipes: they would end with this process.
const child = spawn('sleep', ['1000'], { session: true, stdio: 'ignore' })
console.log(child.pid)
process.stdin.resume()
