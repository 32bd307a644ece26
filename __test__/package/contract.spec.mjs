// docs/contract.md and the tags of the tests agree.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import { generate, lines, page } from '../../scripts/contract.js'
import { allSpecs, linesOf } from '../../scripts/specs.js'
import { test } from '../helpers/harness.mjs'

const shown = new Set(allSpecs().flatMap(linesOf))

test('docs/contract.md: each line has a test', () => {
  assert.ok(lines().length > 50, `${lines().length} lines`)
  assert.deepEqual(
    lines().filter((line) => !shown.has(line)),
    [],
  )
})

test('docs/contract.md: each tag of a test is a line', () => {
  const unknown = (spec) => linesOf(spec).filter((line) => !lines().includes(line))
  const wrong = allSpecs().filter((spec) => unknown(spec).length > 0)
  assert.deepEqual(
    wrong.map((spec) => [spec, unknown(spec)]),
    [],
  )
})

test('docs/contract.md: lists the specs like `npm run generate:contract`', () => {
  const now = fs.readFileSync(page, 'utf8').split('\n')
  const wrong = generate()
    .split('\n')
    .filter((line) => !now.includes(line))
  assert.deepEqual(wrong, [], 'run `npm run generate:contract`')
  assert.equal(now.join('\n'), generate(), 'run `npm run generate:contract`')
})
