'use strict'

// Runs the specs of __test__/documents, unchanged, in each test runner of __test__/helpers/runner.mjs. Each runner is installed
// from its npm package, outside this project:
//
//   npm run test:runners [-- jest ava … spec files]

const { spawnSync } = require('node:child_process')
const { randomUUID } = require('node:crypto')
const path = require('node:path')
const { parseArguments, reportResults } = require('./command-line.js')
const { install, installRuntime, version } = require('./runtimes.js')
const { root, specsOf } = require('./specs.js')

const configs = path.join(root, '__test__/runners')

// The newest LTS release that all three runners support.
const NODE = 'node@24'

const script = (name, file) => path.join(install(name), name, file)

const RUNNERS = {
  'node:test': { args: (specs) => ['--test', ...specs] },
  ava: {
    args: (specs) => [script('ava', 'entrypoints/cli.mjs'), '--config', path.join(configs, 'ava.config.mjs'), ...specs],
  },
  jest: {
    args: (specs) => [
      '--experimental-vm-modules',
      script('jest', 'bin/jest.js'),
      '--config',
      path.join(configs, 'jest.config.mjs'),
      '--runInBand',
      ...specs,
    ],
    env: { PROCNATIVE_TEST: randomUUID() },
  },
}

const { chosen, files } = parseArguments(Object.keys(RUNNERS))
const specs = files.length > 0 ? files : specsOf('documents')

const node = installRuntime(NODE)
const results = []
for (const name of chosen) {
  const { args, env } = RUNNERS[name]
  const command = args(specs)
  console.log(`\n── ${name}`)
  const { status } = spawnSync(node, command, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } })
  results.push({ name: `${name} (${version(node)}, ${specs.length} specs)`, isPassed: status === 0 })
}

reportResults(results)
