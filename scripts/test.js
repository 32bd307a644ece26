'use strict'

// Runs the tests: `npm test [-- SUBJECT…]`.

const { spawnSync } = require('node:child_process')
const { root, specs, specsOf } = require('./specs.js')

const wanted = process.argv.slice(2)
const chosen = wanted.length > 0 ? wanted.flatMap(specsOf) : specs()
const { status } = spawnSync(process.execPath, ['--test', '--test-reporter=spec', ...chosen], {
  cwd: root,
  stdio: 'inherit',
})
process.exitCode = status ?? 1
