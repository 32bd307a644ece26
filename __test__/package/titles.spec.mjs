// Titles of tests: at most 12 words, and the line of the contract in a tag, not in the title.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { allSpecs } from '../../scripts/specs.js'
import { test } from '../helpers/harness.mjs'
import { root } from '../helpers/run.mjs'

const MOST_WORDS = 12

// Text in `${…}`, which may have a template literal inside.
const INSERTED = /\$\{(?:[^{}`]|`[^`]*`)*\}/g

// The first argument of test(), or a variable `title` for it.
const TITLE = /(?:\btest\(\s*|\btitle = )(['"`])((?:\\.|\$\{(?:[^{}`]|`[^`]*`)*\}|(?!\1).)*)\1/gs

const CODE = /^[A-Z]\d+\b/

/** Returns the literal titles in a spec. Inserted text counts as one word. */
const titlesOf = (source) => Array.from(source.matchAll(TITLE), ([, , title]) => title.replaceAll(INSERTED, '…'))

const countWords = (title) => title.trim().split(/\s+/).length

const titles = allSpecs().flatMap((spec) =>
  titlesOf(fs.readFileSync(path.join(root, spec), 'utf8')).map((title) => ({ spec, title })),
)

test('titles: have at most 12 words', () => {
  assert.ok(titles.length > 500, `${titles.length} titles`)
  assert.deepEqual(
    titles.filter(({ title }) => countWords(title) > MOST_WORDS),
    [],
  )
})

test('titles: do not start with a line of the contract', () => {
  assert.deepEqual(
    titles.filter(({ title }) => CODE.test(title)),
    [],
  )
})

test('titles: literals, templates and variables are found', () => {
  const inserted = '$' + '{count > 1 ? `$' + '{count} b` : c.d}'
  const source = [
    "test('one two', () => {})",
    'test("it\'s", () => {})',
    `test(\n  \`a ${inserted} e\`,\n  () => {})`,
    // Not as an assignment here, or this file would break its own rule.
    ['const title', '`H7: f`'].join(' = '),
  ]
  assert.deepEqual(titlesOf(source.join('\n')), ['one two', "it's", 'a … e', 'H7: f'])
  assert.equal(countWords('a … e'), 3)
  assert.match('H7: f', CODE)
})
