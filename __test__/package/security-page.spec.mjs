// docs/security.md names a test for each thing that can't be done: there is one.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { specs } from '../../scripts/specs.js'
import { test } from '../helpers/harness.mjs'
import { root } from '../helpers/run.mjs'

const page = fs.readFileSync(path.join(root, 'docs/security.md'), 'utf8')

const INSERTED = /\$\{(?:[^{}`]|`[^`]*`)*\}/

/** Returns true if a spec file has a test with this title, literally or with inserted text of the file. */
function hasTest(source, title) {
  const calls = source.matchAll(/\btest\(\s*(['"`])((?:\\.|\$\{(?:[^{}`]|`[^`]*`)*\}|(?!\1).)*)\1/gs)
  return Array.from(calls).some(([, quote, text]) => {
    const parts = quote === '`' ? text.split(INSERTED) : [text]
    const literal = parts.map((part) => part.replaceAll(/\\(.)/g, '$1').replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    const inserted = title.match(new RegExp(`^${literal.join('(.*)')}$`))?.slice(1)
    return inserted?.every((one) => source.includes(one)) ?? false
  })
}

test('docs/security.md: each quoted title belongs to a test', () => {
  const sources = specs().map((spec) => fs.readFileSync(path.join(root, spec), 'utf8'))
  const [, ...sections] = page.split(/^## /m)
  const named = Array.from(sections.join('').matchAll(/“([^”]*)”/g), ([, title]) => title.replaceAll(/\s+/g, ' '))
  assert.ok(named.length > 50, `${named.length} tests`)
  const missing = named.filter((title) => !sources.some((source) => hasTest(source, title)))
  assert.deepEqual(missing, [])
})

test('docs/security.md: each guarantee quotes a test', () => {
  const lists = page.matchAll(/^(?:Nobody else can|.*It can't.*)\n\n((?:-.*\n(?: {2}.*\n)*)+)/gm)
  const items = Array.from(lists, ([, list]) => list.split(/^- /m).slice(1)).flat()
  assert.ok(items.length > 30, `${items.length} items`)
  const without = items.filter((item) => !/“[^”]+”/.test(item))
  assert.deepEqual(without, [])
})
