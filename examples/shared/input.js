'use strict'

// Waits for the reader of an example, so that the reader can look at its processes meanwhile.

const readline = require('node:readline')

/** Returns a function that reads one line at a time, and undefined after the last line. @param {NodeJS.ReadableStream} input */
function lines(input) {
  const iterator = readline.createInterface({ input })[Symbol.asyncIterator]()
  return async () => (await iterator.next()).value
}

/** @type {(() => Promise<string | undefined>) | undefined} */
let next

/** Waits for the next line, or for the end of the input. */
async function enter() {
  if (process.stdin.isTTY) console.log('Enter…')
  next ??= lines(process.stdin)
  await next()
}

/** Waits for the end of the input. @param {string} effect the effect of Ctrl-D, for the prompt on a terminal */
async function endOfInput(effect) {
  if (process.stdin.isTTY) console.log(`\nCtrl-D ${effect}.`)
  for await (const _ of process.stdin);
}

module.exports = { endOfInput, enter, lines }
