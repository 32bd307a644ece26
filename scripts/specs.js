'use strict'

// The spec files: `__test__/SUBJECT/NAME.spec.mjs`. Subjects that need packages from a registry have their own command.

const fs = require('node:fs')
const path = require('node:path')

const root = path.dirname(__dirname)
const tests = '__test__'

// The line in the head of a spec that lists its runtimes. Without this line, the spec runs on Node.js only.
const RUNTIMES = /^\/\/ runtimes: (.+)$/m

// The tag of a test that shows lines of docs/contract.md.
const CONTRACT = /\bcontract: '([^']+)'/g

// Subjects that need packages from a registry: `npm run test:install`.
const SEPARATE_SUBJECTS = ['install']

const specsOf = (subject) =>
  fs
    .readdirSync(path.join(root, tests, subject))
    .filter((name) => name.endsWith('.spec.mjs'))
    .map((name) => path.join(tests, subject, name))

/** Returns the subjects: the folders that have specs. */
const subjects = () =>
  fs
    .readdirSync(path.join(root, tests))
    .filter((name) => !SEPARATE_SUBJECTS.includes(name) && fs.statSync(path.join(root, tests, name)).isDirectory())
    .filter((name) => specsOf(name).length > 0)

/** Returns the paths of the specs of `npm test`, relative to the project. */
const specs = () => subjects().flatMap(specsOf)

/** Returns the paths of all specs, with those that need packages from a registry. */
const allSpecs = () => [...specs(), ...specsOf('install')]

const read = (spec) => fs.readFileSync(path.join(root, spec), 'utf8')

/** Returns the lines of docs/contract.md that tests of a spec show. */
function linesOf(spec) {
  const lines = Array.from(read(spec).matchAll(CONTRACT), ([, list]) => list.split(' ')).flat()
  return [...new Set(lines)]
}

/** Returns true if a spec runs on a runtime: 'node', 'bun' or 'deno'. */
function runsOn(spec, runtime) {
  const [, listed = 'node'] = read(spec).match(RUNTIMES) ?? []
  return listed.split(', ').includes(runtime)
}

module.exports = { allSpecs, linesOf, root, runsOn, specs, specsOf, subjects }
