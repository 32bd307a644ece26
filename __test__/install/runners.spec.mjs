// Test runners: the test suite of a small application (application/) with the tarball passes in each runner.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { root } from '../helpers/run.mjs'
import { barePath, environment, install, installRuntime } from './managers.mjs'
import { pack, project, wanted } from './packed.mjs'

const NODES = ['node@20', 'node@24']
const PACKAGES = ['ava', 'jest', 'mocha', 'vitest']

const ava = (threads) => ['ava/entrypoints/cli.mjs', '--config', `ava-${threads}.config.mjs`]
const vitest = (pool) => ['vitest/vitest.mjs', 'run', `--pool=${pool}`, '--testTimeout=60000', 'vitest.test.mjs']
const jest = ['jest/bin/jest.js', '--rootDir=.', '--testMatch=**/jest.test.cjs', '--no-watchman', '--testTimeout=60000']

const RUNNERS = {
  'node:test': ['--test', 'node-test.test.cjs'],
  mocha: ['mocha/bin/mocha.js', '--timeout=60000', 'mocha.test.cjs'],
  jest,
  'jest --detectLeaks': [...jest, '--detectLeaks'],
  'jest --detectOpenHandles': [...jest, '--detectOpenHandles'],
  'ava, threads': ava('threads'),
  'ava, processes': ava('processes'),
  'vitest, threads': vitest('threads'),
  'vitest, forks': vitest('forks'),
  'vitest, vmThreads': vitest('vmThreads'),
  'vitest, vmForks': vitest('vmForks'),
}

// Each runner reports results in its own words.
const ALL_PASSED = /\b4 (tests )?pass(ed|ing)\b|\bpass 4\b/

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'procnative-runners-'))
after(() => fs.rmSync(directory, { recursive: true, force: true }))

const nodes = NODES.map((name) => ({ name, ...wanted(() => installRuntime(name)) }))
const packages = Object.fromEntries(PACKAGES.map((name) => [name, wanted(() => install(name))]))

before(() => {
  const there = Object.entries(packages).filter(([, { value }]) => value)
  project(directory, {
    tarball: pack(directory),
    sources: path.join(root, '__test__/install/application'),
    packages: Object.fromEntries(there.map(([name, { value }]) => [name, value])),
  })
  for (const [name, workerThreads] of Object.entries({ threads: true, processes: false })) {
    const config = JSON.stringify({ files: ['ava.test.mjs'], workerThreads, timeout: '60s' })
    fs.writeFileSync(path.join(directory, `ava-${name}.config.mjs`), `export default ${config}`)
  }
})

const results = {}
after(() => console.table(results))

for (const node of nodes) {
  describe(node.name, { skip: node.reason }, () => {
    for (const [runner, [script, ...args]] of Object.entries(RUNNERS)) {
      const { reason } = packages[script.split('/')[0]] ?? {}
      test(`${runner}: the application's suite passes`, { skip: reason }, () => {
        const command = script.includes('/')
          ? [path.join(directory, 'node_modules', script), ...args]
          : [script, ...args]
        const bin = path.join(directory, node.name)
        if (!fs.existsSync(bin)) barePath(bin, node.value)
        const { status, stdout, stderr } = spawnSync(node.value, command, {
          cwd: directory,
          encoding: 'utf8',
          env: environment(path.join(bin, 'bin'), { NO_COLOR: '1', FORCE_COLOR: '0' }),
        })
        results[runner] ??= {}
        results[runner][node.name] = 'failed'
        assert.equal(status, 0, stdout + stderr)
        assert.match(stdout + stderr, ALL_PASSED)
        // Jest only prints a warning, and exits with 0.
        assert.doesNotMatch(stdout + stderr, /open handle|did not exit/)
        results[runner][node.name] = 'passed'
      })
    }
  })
}
