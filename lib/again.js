'use strict'

// How this program was started, so that it can be run again.

const fs = require('node:fs')
const errors = require('./errors.js')

// As it was at the start, or as near as one can get: a program may change its arguments and its directory.
const argv = [...process.argv]
const directory = currentDirectory()

function currentDirectory() {
  try {
    return process.cwd()
  } catch {
    // Removed under our feet. Then there is no path to go back to, and the daemon starts where we are.
    return undefined
  }
}

// The program, its arguments and the directory to exec it in. Throws where there is nothing to run again.
function command() {
  const script = argv[1]
  const evaluated = process.execArgv.some((arg) => /^(-e|-p|-pe|--eval|--print)(=|$)/.test(arg))
  if (process.execArgv.some((arg) => arg === '-i' || arg === '--interactive')) throw errors.repl()
  if (!evaluated && (script === undefined || script === '-')) {
    // The name under which Node keeps code that did not come from a file.
    throw process._eval === undefined && script === undefined ? errors.repl() : errors.stdinScript()
  }
  return {
    program: executable(),
    // After -e, what looks like an option would be one.
    argv: [process.argv0, ...process.execArgv, ...(evaluated ? ['--'] : []), ...argv.slice(1)],
    directory: directory === currentDirectory() ? undefined : directory,
  }
}

// The binary that is running, not the one that an upgrade has put into its place.
function executable() {
  const itself = '/proc/self/exe'
  return isSameFile(process.execPath, itself) ? process.execPath : itself
}

function isSameFile(one, other) {
  const [a, b] = [one, other].map((path) => fs.statSync(path, { bigint: true, throwIfNoEntry: false }))
  return a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev
}

module.exports = { command }
