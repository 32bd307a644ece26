// The package as a whole: exports, effects of loading, classes, and codes of errors.

import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { inspect } from 'node:util'
import * as namespace from 'procnative'
import { test } from '../helpers/harness.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, root, runScript } from '../helpers/run.mjs'
import { parse } from './helpers/signatures.mjs'

const procnative = createRequire(import.meta.url)('procnative')
const read = (name) => fs.readFileSync(path.join(root, name), 'utf8')
const file = parse(read('index.d.ts'))

const CODE = /ERR_PROCNATIVE_[A-Z_]+/g
const codes = (text) => [...new Set(text.match(CODE))].sort()
const sources = (directory, end) =>
  fs
    .readdirSync(path.join(root, directory), { recursive: true })
    .filter((name) => name.endsWith(end))
    .map((name) => path.join(directory, name))

test('docs/errors.md: has a heading for each code, and no other', { contract: 'E4' }, () => {
  const headings = read('docs/errors.md').match(/^#+\s.*$/gm) ?? []
  const explained = headings.flatMap((heading) => heading.match(CODE) ?? [])
  assert.deepEqual(explained.toSorted(), codes(read('lib/core/errors.js')))
})

test('lib/core/errors.js: has each code that the sources use', { contract: 'E4' }, () => {
  const known = codes(read('lib/core/errors.js'))
  assert.ok(known.length > 0)
  for (const name of ['index.d.ts', ...sources('lib', '.js'), ...sources('src', '.rs')]) {
    const strange = codes(read(name)).filter((code) => !known.includes(code) && code !== 'ERR_PROCNATIVE_')
    assert.deepEqual(strange, [], name)
  }
})

test('loading: starts no thread, opens no descriptor, handles no signal', { contract: 'E5' }, async () => {
  const { stdout, stderr, code } = await runScript(fixture('package/report-load-effects.cjs'))
  assert.equal(code, 0, stderr)
  const { before, after } = JSON.parse(stdout)
  assert.ok(before.threads.length > 0 && before.descriptors.length > 2 && /^[0-9a-f]{16}$/.test(before.caught))
  assert.deepEqual(after, before)
})

test('import: has the names and values of require()', { contract: 'E5' }, () => {
  // Newer versions of Node add 'module.exports'.
  const { default: whole, 'module.exports': _, ...named } = namespace
  assert.equal(whole, procnative)
  assert.deepEqual(Object.keys(named).sort(), Object.keys(procnative).sort())
  for (const [name, value] of Object.entries(named)) assert.equal(value, procnative[name], name)
})

test('functions: work with any `this`', { contract: 'E5' }, async () => {
  const ended = await runScript(fixture('package/call-with-foreign-this.mjs'), ['functions'], { detached: true })
  assert.deepEqual([ended.code, ended.signal, ended.stderr], [0, null, ''])
  const told = reports(ended.stdout)
  assert.equal(new Set(told.map(({ label }) => label.split(' ')[0])).size, Object.keys(file.functions).length)
  for (const { label, attached, detached } of told) assert.deepEqual(detached, attached, label)
})

test('classes: members throw a TypeError on other objects', { contract: 'E5' }, async () => {
  const ended = await runScript(fixture('package/call-with-foreign-this.mjs'), ['classes'])
  assert.deepEqual([ended.code, ended.signal, ended.stderr], [0, null, ''])
  const told = reports(ended.stdout)
  assert.ok(told.length >= 4 * 14, `${told.length} calls`)
  const wrong = told.filter(({ outcome }) => outcome.threw !== 'TypeError')
  assert.deepEqual(wrong, [])
})

test('classes: have the members of index.d.ts, and no public constructor', { contract: 'E5' }, () => {
  for (const [name, { bases, members }] of Object.entries(file.classes)) {
    const key = (declared) => (declared.startsWith('[Symbol.') ? Symbol[declared.slice(8, -1)] : declared)
    // EventEmitter's methods are declared again for their events. The method for console.log() is not public.
    const isEmitter = bases.some((base) => base.name === 'EventEmitter')
    const isOwn = (one) => one === 'constructor' || !(isEmitter && one in EventEmitter.prototype)
    const declared = new Set(members.map((one) => key(one.name)).filter(isOwn))
    const there = Reflect.ownKeys(procnative[name].prototype).filter((one) => isOwn(one) && one !== inspect.custom)
    assert.deepEqual(new Set(there), declared, name)
    const isPrivate = members.some((one) => one.name === 'constructor' && one.private)
    assert.ok(isPrivate, `${name}: a class with a public constructor needs tests of its own`)
    for (const args of [[], [5], [Symbol('owned descriptor'), 5], [{}, 0]]) {
      assert.throws(() => new procnative[name](...args), { name: 'TypeError', code: 'ERR_ILLEGAL_CONSTRUCTOR' })
    }
    assert.throws(() => procnative[name](), { name: 'TypeError' })
    assert.throws(() => new (class extends procnative[name] {})(), { code: 'ERR_ILLEGAL_CONSTRUCTOR' })
  }
})

test('Handle: a proxy is no handle, a taken one closes nothing', { contract: 'E5' }, async () => {
  const ended = await runScript(fixture('package/call-with-foreign-this.mjs'), ['handle'])
  assert.deepEqual([ended.code, ended.signal, ended.stderr], [0, null, ''])
  const told = Object.fromEntries(
    reports(ended.stdout).map(({ label, outcome }) => [label, outcome.code ?? outcome.threw ?? outcome.returned]),
  )
  assert.deepEqual(told, {
    'fd of a proxy': 'TypeError',
    'take of a proxy': 'TypeError',
    'close of a proxy': 'TypeError',
    'fd once taken': 'ERR_PROCNATIVE_HANDLE_CLOSED',
    'take once taken': 'ERR_PROCNATIVE_HANDLE_CLOSED',
    'close once taken': 'undefined',
    'still open': 'true',
    'called again': 'ERR_PROCNATIVE_ALREADY_DAEMONIZED',
  })
})
