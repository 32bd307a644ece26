'use strict'

// Detects a process that runs tests. daemonize() would end it with 0, and the runner would report no failure.
//
// A program started by a test does not run tests itself, although it inherits the runner's environment. So variables
// alone prove nothing: this process itself must be a runner.

const fs = require('node:fs')
const native = require('../core/native.js')
const { readCommandLine } = require('../core/original-strings.js')
const { variable } = require('../core/own-property.js')
const start = require('../core/process-start.js')

// Packages whose scripts load test files into their own process.
const RUNNERS = new Set([
  ...[
    '@cucumber/cucumber',
    '@hapi/lab',
    '@playwright/test',
    'ava',
    'jasmine',
    'jest',
    'jest-cli',
    'jest-worker',
    'mocha',
  ],
  ...['playwright', 'qunit', 'tap', 'tape', 'tinypool', 'uvu', 'vitest'],
])

// Returns the name of the runner whose tests this process runs, or undefined.
function detectTestRunner() {
  if (isNodeTest()) return 'node:test'
  const owner = findPackage(start.argv[1])
  if (RUNNERS.has(owner)) return owner
  // jest loads each test file, and all modules that the file requires, into a context of its own.
  if (!(fs.statSync instanceof Function)) return 'a vm context, as of jest'
  // mocha and similar runners, started by another program.
  if (typeof globalThis.describe === 'function' && typeof globalThis.it === 'function') return 'describe() and it()'
}

function isNodeTest() {
  if (process.moduleLoadList.includes('NativeModule test') || start.execArgv.includes('--test')) return true
  // A test file that does not load node:test is still a child of the runner.
  return variable('NODE_TEST_CONTEXT') !== undefined && readCommandLine(process.ppid).includes('--test') && !isOrphan()
}

// Returns true if this process is an orphan in a session of its own, which PID 1 has adopted. In a container, PID 1 may
// be `node --test`, and the kernel makes it the parent of the programs that spawnDaemon() starts.
const isOrphan = () => process.ppid === 1 && native.getsid(0) !== native.getsid(1)

// Returns the package that a script belongs to, or undefined.
function findPackage(script) {
  const real = script === undefined ? undefined : resolveLinks(script)
  return real?.match(/.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//s)?.[1]
}

// Returns the path of a file without symbolic links, or undefined if there is no such file.
function resolveLinks(file) {
  try {
    return fs.realpathSync.native(file)
  } catch {
    // Node evaluates code that came from no file, or the file was removed.
    return undefined
  }
}

module.exports = { detectTestRunner }
