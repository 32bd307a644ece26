'use strict'

// Runs the tests on each supported runtime. Each runtime is installed from its npm package, outside this project:
//
//   npm run test:matrix [-- node@22 bun …] [-- spec files]

const { spawnSync } = require('node:child_process')
const { parseArguments, reportResults } = require('./command-line.js')
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

const { chosen, files } = parseArguments(Object.keys(RUNTIMES))
const results = []
for (const name of chosen) {
  const binary = installRuntime(name)
  console.log(`\n── ${name}: ${version(binary)}`)
  const specFiles = files.length > 0 ? files : specs().filter((spec) => runsOn(spec, name.split('@')[0]))
  const { status } = spawnSync(binary, RUNTIMES[name](specFiles), { cwd: root, stdio: 'inherit' })
  results.push({ name: `${name} (${version(binary)})`, isPassed: status === 0 })
}

reportResults(results)
