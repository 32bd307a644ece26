'use strict'

// How to run this program again.

const fs = require('node:fs')
const errors = require('./errors.js')
const start = require('./start.js')

// The program, its arguments and the directory to exec it in. Throws where there is nothing to run again.
function command() {
  const script = start.argv[1]
  const evaluated = start.execArgv.some((arg) => /^(-e|-p|-pe|--eval|--print)(=|$)/.test(arg))
  if (start.execArgv.some((arg) => arg === '-i' || arg === '--interactive')) throw errors.repl()
  if (!evaluated && (script === undefined || script === '-')) {
    // The name under which Node keeps code that did not come from a file.
    throw process._eval === undefined && script === undefined ? errors.repl() : errors.stdinScript()
  }
  return {
    program: executable(),
    // After -e, what looks like an option would be one.
    argv: [start.argv0, ...start.execArgv, ...(evaluated ? ['--'] : []), ...start.argv.slice(1)],
    // Where we are is where the child is anyway, also if that has no path any more.
    directory: start.directory === start.currentDirectory() ? undefined : start.directory,
  }
}

// The binary that is running, not the one that an upgrade has put into its place.
function executable() {
  const itself = '/proc/self/exe'
  const [named, running] = [process.execPath, itself].map((path) =>
    fs.statSync(path, { bigint: true, throwIfNoEntry: false }),
  )
  const isReplaced = running !== undefined && (named?.ino !== running.ino || named?.dev !== running.dev)
  return isReplaced ? itself : process.execPath
}

module.exports = { command }
