'use strict'

// Runs the tests on every runtime that is supported, each installed from its npm package outside this project:
//
//   npm run test:matrix [-- node@22 bun …] [-- spec files]

const { spawnSync } = require('node:child_process')
const { installRuntime, version } = require('./runtimes.js')
const { root, runsOn, specs } = require('./specs.js')

const RUNTIMES = {
  'node@20': nodeTests,
  'node@22': nodeTests,
  'node@24': nodeTests,
  'node@26': nodeTests,
  bun: (specs) => ['test', ...specs],
  deno: (specs) => ['test', '--allow-all', '--no-check', ...specs],
}

function nodeTests(specs) {
  return ['--test', ...specs]
}

const wanted = process.argv.slice(2).filter((arg) => Object.hasOwn(RUNTIMES, arg))
const given = process.argv.slice(2).filter((arg) => !Object.hasOwn(RUNTIMES, arg))
const results = []
for (const name of wanted.length > 0 ? wanted : Object.keys(RUNTIMES)) {
  const binary = installRuntime(name)
  console.log(`\n── ${name}: ${version(binary)}`)
  const chosen = given.length > 0 ? given : specs().filter((spec) => runsOn(spec, name.split('@')[0]))
  const { status } = spawnSync(binary, RUNTIMES[name](chosen), { cwd: root, stdio: 'inherit' })
  results.push({ name, version: version(binary), passed: status === 0 })
}

console.log('')
for (const { name, version, passed } of results) console.log(`${passed ? '✔' : '✖'} ${name} (${version})`)
if (!results.every(({ passed }) => passed)) process.exitCode = 1
