'use strict'

// How to run this program again.

const fs = require('node:fs')
const { isBuiltin } = require('node:module')
const errors = require('../core/errors.js')
const { encodeStrings } = require('../process/exec-options.js')
const { commandLineOf, originalArguments } = require('../core/original-strings.js')
const start = require('../core/process-start.js')

// The program, its arguments and the directory to exec it in. Throws where there is nothing to run again.
function command() {
  return {
    program: executable(),
    argv: encodeStrings(isSingleExecutable() ? originalArguments([start.argv0, ...typedArguments()]) : nodeArguments()),
    directory: startDirectory(),
  }
}

// In a single executable application, process.argv[1] repeats argv0 instead of naming a script.
// Node.js 20.0 to 20.11 has no node:sea.
const isSingleExecutable = () => isBuiltin('node:sea') && require('node:sea').isSea()

// Returns the arguments that a single executable application was started with, without process.execArgv. Node takes
// those options from the application's configuration, or from `--node-options=…`, which process.argv lacks.
function typedArguments() {
  const given = start.argv.slice(2)
  const typed = commandLineOf('self').slice(1)
  const rest = typed.filter((arg) => !arg.startsWith('--node-options='))
  const isIntact = [typed, rest].some(
    (args) => args.length === given.length && args.every((arg, i) => arg === given[i]),
  )
  return isIntact ? typed : given
}

// Returns argv0, Node's options, the script and its arguments. Throws if there is no script to run again.
function nodeArguments() {
  const script = start.argv[1]
  const evaluated = start.execArgv.some((arg) => /^(-e|-p|-pe|--eval|--print)(=|$)/.test(arg))
  if (start.execArgv.some((arg) => arg === '-i' || arg === '--interactive')) throw errors.repl()
  if (!evaluated && (script === undefined || script === '-')) {
    // The name under which Node keeps code that did not come from a file.
    throw process._eval === undefined && script === undefined ? errors.repl() : errors.stdinScript()
  }
  const { commandLine } = start
  const options = 1 + start.execArgv.length
  // After -e, Node would take an argument that looks like an option for one.
  return [...commandLine.slice(0, options), ...(evaluated ? ['--'] : []), ...commandLine.slice(options)]
}

// Returns the directory that this process started in, or undefined if the process is still there. The child then starts
// there too, even if the directory no longer has a path.
function startDirectory() {
  const { directory } = start
  const current = start.currentDirectoryBytes()
  const isSame = typeof directory === 'object' ? directory.equals(Buffer.from(current ?? '')) : directory === current
  return isSame ? undefined : directory
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
