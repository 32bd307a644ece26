'use strict'

// child.js SIGNAL: handles the signal if possible, by an exit. Prints a line as soon as it is ready for the signal.

const os = require('node:os')

const signal = /** @type {NodeJS.Signals} */ (process.argv[2])

try {
  // A shell reports a child that a signal killed as 128 plus the number of the signal. Programs that handle the signal often
  // exit with the same code. The parent can still distinguish an exit from a kill.
  process.on(signal, () => process.exit(128 + os.constants.signals[signal]))
  console.log('handles it')
} catch (error) {
  // No program can handle SIGKILL: sigaction(2) fails.
  console.log(`can't handle it (${/** @type {NodeJS.ErrnoException} */ (error).code})`)
}

// Runs until a signal comes, or until the parent ends.
process.stdin.resume()
