'use strict'

// What main.js starts under another name: says what it is called, and stays until its input ends.

console.log(process.argv0)
process.stdin.resume()
