'use strict'

// What the tests need that is no dependency of the project: runtimes and package managers, each from its npm package,
// installed outside.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

// Where every user of the tests can get at it, as nobody too.
const cache = path.join(os.tmpdir(), `procnative-matrix-${process.getuid()}`)

/** Installs npm packages in a directory of their own; returns the directory. Throws if they can't be installed. */
function install(...names) {
  const directory = path.join(cache, names.join(' ').replaceAll('/', '+'))
  fs.mkdirSync(directory, { recursive: true })
  // These packages fetch their binary in an install script, from the registry.
  const scripts = { allowScripts: { node: true, bun: true, deno: true } }
  fs.writeFileSync(path.join(directory, 'package.json'), JSON.stringify({ private: true, ...scripts }))
  // Without a network this is to fail soon. What it says goes to stderr: a test's stdout is its own.
  const options = ['--no-package-lock', '--fetch-retries=1', '--fetch-retry-mintimeout=1000']
  const { status } = spawnSync('npm', ['install', ...options, ...names], {
    cwd: directory,
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0) throw new Error(`${names.join(', ')} could not be installed`)
  return path.join(directory, 'node_modules')
}

/** The same for a runtime; returns its binary. */
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
