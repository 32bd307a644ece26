'use strict'

// How this process was started, kept when procnative is loaded: a program may change its arguments and its
// directory before it calls daemonize().

function currentDirectory() {
  try {
    return process.cwd()
  } catch {
    // Removed under our feet: then there is no path to it.
    return undefined
  }
}

module.exports = { argv: [...process.argv], directory: currentDirectory(), currentDirectory }
