'use strict'

// The command that runs this program again.

const fs = require('node:fs')
const { isBuiltin } = require('node:module')
const errors = require('../core/errors.js')
const { encodeStrings } = require('../process/exec-options.js')
const { readCommandLine, restoreArguments } = require('../core/original-strings.js')
const start = require('../core/process-start.js')

// Returns the program, its arguments and the directory to exec it in. Throws if there is no program to run again.
function rerunCommand() {
  return {
    program: findExecutable(),
    argv: encodeStrings(
      isSingleExecutable() ? restoreArguments([start.argv0, ...findTypedArguments()]) : buildNodeArguments(),
    ),
    directory: findStartDirectory(),
  }
}

// Returns true in a single executable application. There, process.argv[1] repeats argv0 instead of naming a script.
// Node.js 20.0 to 20.11 has no node:sea.
const isSingleExecutable = () => isBuiltin('node:sea') && require('node:sea').isSea()

// Returns the arguments that a single executable application was started with, without process.execArgv. Node takes
// those options from the application's configuration, or from `--node-options=…`, which process.argv lacks.
function findTypedArguments() {
  const given = start.argv.slice(2)
  const typed = readCommandLine('self').slice(1)
  const rest = typed.filter((arg) => !arg.startsWith('--node-options='))
  const isIntact = [typed, rest].some(
    (args) => args.length === given.length && args.every((arg, i) => arg === given[i]),
  )
  return isIntact ? typed : given
}

// Returns argv0, Node's options, the script and its arguments. Throws if there is no script to run again.
function buildNodeArguments() {
  const script = start.argv[1]
  const evaluated = start.execArgv.some((arg) => /^(-e|-p|-pe|--eval|--print)(=|$)/.test(arg))
  if (start.execArgv.some((arg) => arg === '-i' || arg === '--interactive')) throw errors.repl()
  if (!evaluated && (script === undefined || script === '-')) {
    // Node keeps code that did not come from a file in process._eval.
    throw process._eval === undefined && script === undefined ? errors.repl() : errors.stdinScript()
  }
  const { commandLine } = start
  const options = 1 + start.execArgv.length
  // After -e, Node would parse an argument that looks like an option as an option.
  return [...commandLine.slice(0, options), ...(evaluated ? ['--'] : []), ...commandLine.slice(options)]
}

// Returns the directory that this process started in, or undefined if the process is still there. The child then starts
// there too, even if the directory no longer has a path.
function findStartDirectory() {
  const { directory } = start
  const current = start.readCurrentDirectory()
  const isSame = typeof directory === 'object' ? directory.equals(Buffer.from(current ?? '')) : directory === current
  return isSame ? undefined : directory
}

// Returns the path of the running binary. An upgrade may have put another binary into its place.
function findExecutable() {
  const itself = '/proc/self/exe'
  const [named, running] = [process.execPath, itself].map((path) =>
    fs.statSync(path, { bigint: true, throwIfNoEntry: false }),
  )
  const isReplaced = running !== undefined && (named?.ino !== running.ino || named?.dev !== running.dev)
  return isReplaced ? itself : process.execPath
}

module.exports = { rerunCommand }
