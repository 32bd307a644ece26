'use strict'

// Runs the specs of __test__/documents, unchanged, in every test runner of __test__/helpers/runner.mjs. Each runner is
// installed from its npm package outside this project:
//
//   npm run test:runners [-- jest ava … spec files]

const { spawnSync } = require('node:child_process')
const { randomUUID } = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const { install, installRuntime, version } = require('./runtimes.js')

const root = path.dirname(__dirname)
const configs = path.join(root, '__test__/runners')

// The newest long-term version that all three support.
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

const wanted = process.argv.slice(2).filter((arg) => Object.hasOwn(RUNNERS, arg))
const given = process.argv.slice(2).filter((arg) => !Object.hasOwn(RUNNERS, arg))
const all = fs
  .readdirSync(path.join(root, '__test__/documents'))
  .filter((name) => name.endsWith('.spec.mjs'))
  .map((name) => path.join('__test__/documents', name))
const specs = given.length > 0 ? given : all

const node = installRuntime(NODE)
const results = []
for (const name of wanted.length > 0 ? wanted : Object.keys(RUNNERS)) {
  const { args, env } = RUNNERS[name]
  const command = args(specs)
  console.log(`\n── ${name}`)
  const { status } = spawnSync(node, command, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } })
  results.push({ runner: name, node: version(node), specs: specs.length, result: status === 0 ? 'passed' : 'failed' })
}

console.table(results)
if (!results.every(({ result }) => result === 'passed')) process.exitCode = 1
