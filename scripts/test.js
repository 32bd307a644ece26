'use strict'

// Runs the tests:
//
//   npm test [-- SUBJECT… [PATTERN]]   the specs of some subjects (folders of __test__), the tests whose title matches
//   npm test -- --contract LINE        the tests that show a line of docs/contract.md
//   npm test -- --changed              the specs of the subjects that `git status` names
//   npm run test:watch -- SUBJECT…     again after each change

const { execFileSync, spawnSync } = require('node:child_process')
const path = require('node:path')
const { parseArgs } = require('node:util')
const { linesOf, root, specs, specsOf, subjects } = require('./specs.js')

// Number of spec files that run at once. Tests mostly wait: with two processors, four files at once take half the time of two.
const FILES_AT_ONCE = 4

const { values, positionals } = parseArgs({
  options: { contract: { type: 'string' }, changed: { type: 'boolean' }, watch: { type: 'boolean' } },
  allowPositionals: true,
})

const known = subjects()
const wanted = positionals.filter((one) => known.includes(one))
const patterns = positionals.filter((one) => !known.includes(one))

const chosen = chooseSpecs()
if (chosen.length === 0) {
  console.log('Nothing to test.')
  process.exitCode = values.changed ? 0 : 1
} else {
  const env = values.contract === undefined ? process.env : { ...process.env, PROCNATIVE_CONTRACT: values.contract }
  const { status } = spawnSync(process.execPath, nodeArguments(), { cwd: root, env, stdio: 'inherit' })
  process.exitCode = status ?? 1
}

function chooseSpecs() {
  if (values.changed) return changedSubjects().flatMap(specsOf)
  const all = wanted.length > 0 ? wanted.flatMap(specsOf) : specs()
  return values.contract === undefined ? all : all.filter((spec) => linesOf(spec).includes(values.contract))
}

// Returns the subjects of changed files. Returns all subjects if a file belongs to none, for example a file of lib/core.
function changedSubjects() {
  const status = execFileSync('git', ['status', '--porcelain', '--untracked-files=all'], {
    cwd: root,
    encoding: 'utf8',
  })
  const files = status
    .split('\n')
    .filter(Boolean)
    .flatMap((line) => line.slice(3).split(' -> '))
  const code = files.filter((file) => /^(lib|src|__test__|index\.)/.test(file))
  const changed = new Set(code.map((file) => file.split(path.sep)[1]))
  return Array.from(changed).every((one) => known.includes(one)) ? Array.from(changed) : known
}

function nodeArguments() {
  const reporters = [
    ...['--test-reporter=spec', '--test-reporter-destination=stdout'],
    ...['--test-reporter=./scripts/slowest-tests.mjs', '--test-reporter-destination=stdout'],
  ]
  return [
    '--test',
    ...(values.watch ? ['--watch'] : reporters),
    `--test-concurrency=${FILES_AT_ONCE}`,
    ...patterns.map((pattern) => `--test-name-pattern=${pattern}`),
    ...chosen,
  ]
}
