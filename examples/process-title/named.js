'use strict'

// Prints its name, and runs until its input ends. main.js starts it under another name.

console.log(process.argv0)
process.stdin.resume()
