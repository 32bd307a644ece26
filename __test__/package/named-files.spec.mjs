// The files that comments, pages and error messages name.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { test } from '../helpers/harness.mjs'
import { root } from '../helpers/run.mjs'

const FOLDERS = ['__test__', 'benchmark', 'docs', 'examples', 'hardening', 'lib', 'scripts', 'src', 'tests']
const PAGES = fs.readdirSync(root).filter((name) => /\.(md|toml|[jt]s)$/.test(name))
const NAMED = /(?<![\w./@-])(?:__test__|docs|lib|scripts|src|tests)\/[\w./-]+\.(?:[cm]?js|md|py|rs|ts)\b/g

/** Files of projects that tests make, and of other packages. */
const ELSEWHERE = /^(lib\/node_modules\/|src\/cli\.js$|lib\/(?:daemon\/a|channel\/b)\.js$|__test__\/SUBJECT\/)/

const files = FOLDERS.flatMap((folder) =>
  fs
    .readdirSync(path.join(root, folder), { recursive: true })
    .filter((name) => /\.(md|rs|py|[cm]?[jt]s)$/.test(name) && !name.includes('node_modules'))
    .map((name) => path.join(folder, name)),
)

const isThere = (named, from) =>
  [root, path.dirname(path.join(root, from))].some((base) => fs.existsSync(path.join(base, named)))

test('sources and pages: name only files that exist', () => {
  const named = [...files, ...PAGES].flatMap((file) =>
    Array.from(fs.readFileSync(path.join(root, file), 'utf8').matchAll(NAMED), ([name]) => [file, name]),
  )
  assert.ok(named.length > 100, `${named.length} names`)
  const wrong = named.filter(([file, name]) => !ELSEWHERE.test(name) && !isThere(name, file))
  assert.deepEqual(wrong, [])
})
