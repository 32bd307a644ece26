'use strict'

// Installs tools for the tests that are no dependencies of the project: runtimes, package managers and test runners. Each comes
// from its npm package, and is installed outside the project.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

// A directory that all users of the tests can read, for example the user `nobody`.
const cache = path.join(os.tmpdir(), `procnative-matrix-${process.getuid()}`)

/** Installs npm packages in a new directory. Returns its node_modules. Throws if npm can't install a package. */
function install(...names) {
  const directory = path.join(cache, names.join(' ').replaceAll('/', '+'))
  fs.mkdirSync(directory, { recursive: true })
  // These packages fetch their binary in an install script, from the registry.
  const scripts = { allowScripts: { node: true, bun: true, deno: true } }
  fs.writeFileSync(path.join(directory, 'package.json'), JSON.stringify({ private: true, ...scripts }))
  // Fail soon without a network. Write npm's output to stderr, because stdout belongs to the test.
  const options = ['--no-package-lock', '--fetch-retries=1', '--fetch-retry-mintimeout=1000']
  const { status } = spawnSync('npm', ['install', ...options, ...names], {
    cwd: directory,
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0) throw new Error(`${names.join(', ')} could not be installed`)
  return path.join(directory, 'node_modules')
}

/** Installs a runtime, such as node@22. Returns the path of its binary. */
function installRuntime(name) {
  const binary = path.join(install(name), '.bin', name.split('@')[0])
  if (!fs.existsSync(binary)) throw new Error(`${name} could not be installed`)
  return binary
}

function version(binary) {
  return spawnSync(binary, ['--version'], { encoding: 'utf8' })
    .stdout.split('\n')[0]
    .replace(/^deno /, '')
}

module.exports = { install, installRuntime, version }
