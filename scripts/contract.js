'use strict'

// Writes the specs that show each line into docs/contract.md: `npm run generate:contract`.

const fs = require('node:fs')
const path = require('node:path')
const { allSpecs, linesOf, root } = require('./specs.js')

const page = path.join(root, 'docs/contract.md')

// A line of the contract, and the list of its specs below it.
const LINE = /^(- \*\*([A-Z]\d+)\*\* .*)(\n {2}.*)*/gm

const nameOf = (spec) => spec.replace(/^__test__\//, '').replace(/\.spec\.mjs$/, '')

/** Returns the numbers of the lines. */
const lines = () => Array.from(fs.readFileSync(page, 'utf8').matchAll(LINE), ([, , line]) => line)

/** Returns the page with current lists of specs. */
function generate() {
  const specs = allSpecs().map((spec) => ({ name: nameOf(spec), lines: linesOf(spec) }))
  return fs.readFileSync(page, 'utf8').replaceAll(LINE, (_, sentence, line) => {
    const names = specs.filter((spec) => spec.lines.includes(line)).map(({ name }) => `\`${name}\``)
    return names.length > 0 ? `${sentence}\n  ${names.join(', ')}` : sentence
  })
}

if (require.main === module) fs.writeFileSync(page, generate())

module.exports = { generate, lines, page }
