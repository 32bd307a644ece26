'use strict'

// Starts a child that outlives this process, prints its pid, and ends at the end of its input. main.js starts this program.
//
// child_process needs `detached` for a new session, and unref(), because a child keeps the event loop of its parent alive. In
// procnative, `detached` is `session`. unref() is unnecessary, because only wait() keeps the event loop alive, not the child.

const { spawn } = require('procnative')

// No pipes, because they would end with this process.
const child = spawn('sleep', ['1000'], { session: true, stdio: 'ignore' })
console.log(child.pid)
process.stdin.resume()
