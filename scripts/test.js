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
const { nearestName } = require('../lib/core/nearest-name.js')
const { linesOf, root, specs, specsOf, subjects } = require('./specs.js')

// Number of spec files that run at once. Tests mostly wait: with two processors, four files at once take half the time of two.
const FILES_AT_ONCE = 4

const OPTIONS = { contract: { type: 'string' }, changed: { type: 'boolean' }, watch: { type: 'boolean' } }

// Files below src/js, by the subject that they bind. Other files below src/js belong to all subjects.
const BINDINGS = {
  channel: 'channel',
  children: 'process',
  daemonize: 'daemon',
  descriptor: 'descriptor',
  orphans: 'process',
  pid_file: 'daemon',
  process: 'process',
  session: 'process',
  spawn_daemon: 'daemon',
  systemd: 'daemon',
  unix: 'socket',
  wait: 'process',
}

const known = subjects()
const { values, positionals } = readCommandLine()
const wanted = positionals.filter((one) => known.includes(one))
const [pattern] = positionals.filter((one) => !known.includes(one))

const chosen = chooseSpecs()
if (chosen.length === 0) {
  console.log('Nothing to test: `git status` names no file that tests use.')
} else {
  const env = { ...process.env }
  if (values.contract !== undefined) env.PROCNATIVE_CONTRACT = values.contract
  if (pattern !== undefined) env.PROCNATIVE_TITLE = pattern
  const { status } = spawnSync(process.execPath, nodeArguments(), { cwd: root, env, stdio: 'inherit' })
  process.exitCode = status ?? 1
}

function readCommandLine() {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true })
  } catch (error) {
    fail(error.message)
  }
}

function fail(problem) {
  console.error(`${problem}\n\nUsage: npm test [-- SUBJECT… [PATTERN] | --contract LINE | --changed]`)
  console.error(`Subjects: ${known.join(', ')}`)
  process.exit(1)
}

function chooseSpecs() {
  if (values.changed) return changedSubjects().flatMap(specsOf)
  const all = wanted.length > 0 ? wanted.flatMap(specsOf) : specs()
  if (values.contract !== undefined) return specsOfLine(all)
  const near = wanted.length === 0 && pattern !== undefined ? nearestName(pattern, known) : undefined
  if (near) fail(`There is no subject '${pattern}'. Did you mean '${near}'?`)
  return all
}

function specsOfLine(all) {
  const found = all.filter((spec) => linesOf(spec).includes(values.contract))
  if (found.length === 0) fail(`No test shows a line ${values.contract} of docs/contract.md.`)
  return found
}

// Returns the subjects of the files that `git status` names. Returns all subjects if a file belongs to no subject, for example
// a file of lib/core.
function changedSubjects() {
  const status = execFileSync('git', ['status', '--porcelain', '--untracked-files=all'], {
    cwd: root,
    encoding: 'utf8',
  })
  const files = status
    .split('\n')
    .filter(Boolean)
    .flatMap((line) => line.slice(3).split(' -> '))
    .filter((file) => !/^(benchmark|hardening|tests|\.)/.test(file))
  const shared = files.find((file) => subjectOf(file) === undefined)
  if (shared === undefined) return Array.from(new Set(files.map(subjectOf)))
  console.log(`${shared} belongs to all subjects, so this run takes some minutes.`)
  return known
}

function subjectOf(file) {
  const [folder, name] = file.split('/')
  if (folder === 'examples') return 'documents'
  if (folder === 'docs' || /^[A-Z]+\.md$/.test(file)) return 'package'
  if (folder === 'src' && name === 'js') return BINDINGS[path.basename(file, '.rs')]
  return known.find((subject) => subject === name)
}

function nodeArguments() {
  const reporters = [
    ...['--test-reporter=spec', '--test-reporter-destination=stdout'],
    ...['--test-reporter=./scripts/slowest-tests.mjs', '--test-reporter-destination=stdout'],
  ]
  return [
    '--test',
    ...(values.watch ? ['--watch', '--test-reporter=spec'] : reporters),
    `--test-concurrency=${FILES_AT_ONCE}`,
    ...chosen,
  ]
}
