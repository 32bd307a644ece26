'use strict'

// child.js SIGNAL: handles it, if that can be done, and ends in its own way. Says what it does as soon as it is ready for it.

const os = require('node:os')

const signal = /** @type {NodeJS.Signals} */ (process.argv[2])

try {
  // A shell tells of a child that a signal has killed by 128 plus its number, and programs that have put their things in
  // order first often exit with the same. The parent still knows which of the two it was.
  process.on(signal, () => process.exit(128 + os.constants.signals[signal]))
  console.log('handles it')
} catch (error) {
  // SIGKILL is for the kernel to act upon, and no program hears of it: sigaction(2) refuses.
  console.log(`can't handle it (${/** @type {NodeJS.ErrnoException} */ (error).code})`)
}

// Until a signal comes, or the parent is gone.
process.stdin.resume()
