'use strict'

// Prints "ready", calls setsid() at the first line of its input, prints the result, and runs until its input ends.

const readline = require('node:readline')
const { setsid } = require('procnative')

readline.createInterface({ input: process.stdin }).once('line', () => {
  try {
    console.log(`setsid() returns ${setsid()}`)
  } catch (error) {
    console.log(`setsid() throws ${/** @type {Error} */ (error).message}`)
  }
})

console.log('ready')
