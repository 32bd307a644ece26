// The tarball of `npm pack`: its files and its size.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { test } from '../helpers/harness.mjs'
import { root } from '../helpers/run.mjs'
import { linksOf } from './helpers/pages.mjs'

// A few percent above today's sizes, so that growth needs a decision. The binary is three fifths of the download.
const BUDGET = { binary: 1_270_000, packed: 900_000, unpacked: 2_300_000 }

// The scripts would build the addon, which this process has loaded.
const output = execFileSync('npm', ['pack', '--dry-run', '--ignore-scripts', '--json'], {
  cwd: root,
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'ignore'],
})
// npm 11 returns an array, npm 12 an object by name.
const [{ files, size, unpackedSize }] = Object.values(JSON.parse(output))
const names = files.map((file) => file.path)

test('tarball: has the binary, and the sources to build it', { contract: 'I2' }, () => {
  const binaries = files.filter((file) => file.path.endsWith('.node'))
  assert.equal(binaries.length, 1, names.join(' '))
  assert.match(binaries[0].path, /^procnative\.linux-[a-z0-9]+-[a-z]+\.node$/)
  for (const name of ['Cargo.toml', 'Cargo.lock', 'build.rs', 'src/lib.rs', 'scripts/build.js']) {
    assert.ok(names.includes(name), name)
  }
})

test('tarball: has all files that the package loads, no tests', { contract: 'I2' }, () => {
  const { main, types } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'))
  const entries = fs.readdirSync(path.join(root, 'lib'), { recursive: true })
  const lib = entries.filter((name) => name.endsWith('.js')).map((name) => `lib/${name}`)
  for (const name of [main, types, 'LICENSE', 'README.md', ...lib]) assert.ok(names.includes(name), name)
  const strange = names.filter((name) => /^(__test__|tests|benchmark|target|node_modules|\.)|\/tests\b/.test(name))
  assert.deepEqual(strange, [])
})

test('tarball: links of its pages lead to its own files', { contract: 'I2' }, () => {
  for (const name of names.filter((name) => name.endsWith('.md'))) {
    const targets = linksOf(fs.readFileSync(path.join(root, name), 'utf8'))
    for (const target of targets) assert.ok(names.includes(path.join(path.dirname(name), target)), `${name}: ${target}`)
  }
})

test('package.json: has no script that runs at install', { contract: 'I2' }, () => {
  const { scripts } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'))
  // npm runs `prepare`, too, if the package was installed from a tarball.
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) assert.equal(scripts[name], undefined, name)
  // npm runs node-gyp if this file exists.
  assert.ok(!names.includes('binding.gyp'))
})

test('tarball: stays within its budget of bytes', { contract: 'I2' }, () => {
  const binary = files.find((file) => file.path.endsWith('.node')).size
  assert.ok(binary <= BUDGET.binary, `the binary has ${binary} bytes`)
  assert.ok(size <= BUDGET.packed, `packed, it has ${size} bytes`)
  assert.ok(unpackedSize <= BUDGET.unpacked, `unpacked, it has ${unpackedSize} bytes`)
})
