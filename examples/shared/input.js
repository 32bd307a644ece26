'use strict'

// Examples that have something to look at wait meanwhile, until their reader has seen it.

const readline = require('node:readline')

/** Lines, one at a time; undefined after the last. @param {NodeJS.ReadableStream} input */
function lines(input) {
  const iterator = readline.createInterface({ input })[Symbol.asyncIterator]()
  return async () => (await iterator.next()).value
}

/** @type {(() => Promise<string | undefined>) | undefined} */
let next

/** Goes on with the next line, or without one at the end of the input. */
async function enter() {
  if (process.stdin.isTTY) console.log('Enter…')
  next ??= lines(process.stdin)
  await next()
}

/** Goes on at the end of the input. @param {string} what is said of Ctrl-D, on a terminal */
async function endOfInput(what) {
  if (process.stdin.isTTY) console.log(`\nCtrl-D ${what}.`)
  for await (const _ of process.stdin);
}

module.exports = { endOfInput, enter, lines }
