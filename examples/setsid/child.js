'use strict'

// Says that it is there, calls setsid() when it is told to by a line on its standard input, says what came of that, and stays
// until its input ends.

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
