// spawn(): the search for the program in PATH.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { temporary, test } from '../helpers/harness.mjs'
import { said } from './helpers/output.mjs'
import { facts, refusal } from './helpers/refusals.mjs'

/** A directory with programs that say where they were found: `{ 'a/wanted': 0o755 }`. */
function programs(t, modes) {
  const directory = fs.realpathSync(temporary(t))
  for (const [name, mode] of Object.entries(modes)) {
    const file = path.join(directory, name)
    fs.mkdirSync(path.dirname(file), { recursive: true })
    fs.writeFileSync(file, '#!/bin/sh\necho "$0"\n')
    fs.chmodSync(file, mode)
  }
  return { directory, search: (...names) => names.map((name) => path.join(directory, name)).join(':') }
}

const missing = (code, errno) => ({ code, errno, syscall: 'execve', path: 'wanted' })

test('spawn() PATH: searches the PATH of `env` in order', { contract: 'P3' }, async (t) => {
  const { directory, search } = programs(t, { 'b/wanted': 0o755, 'c/wanted': 0o755 })
  const found = (PATH) => said(t, 'wanted', [], { env: { PATH } })
  assert.equal(await found(search('a', 'b', 'c')), `${directory}/b/wanted\n`)
  assert.equal(await found(search('c', 'b')), `${directory}/c/wanted\n`)
})

test('spawn() PATH: ignores the caller’s PATH if `env` is given', { contract: 'P3' }, async (t) => {
  const { search } = programs(t, { 'a/wanted': 0o755 })
  const before = process.env.PATH
  t.after(() => Object.assign(process.env, { PATH: before }))
  process.env.PATH = `${search('a')}:${before}`
  for (const env of [{}, { PATH: '/usr/bin:/bin' }]) {
    assert.deepEqual(facts(refusal('wanted', [], { stdio: 'ignore', env })), missing('ENOENT', -2))
  }
  assert.equal(await said(t, 'wanted'), `${search('a')}/wanted\n`)
  // Without a PATH, procnative searches /bin and /usr/bin.
  assert.equal(await said(t, 'printf', ['found'], { env: {} }), 'found')
})

test('spawn() PATH: skips a missing directory, and a file', { contract: 'P3' }, async (t) => {
  const { directory, search } = programs(t, { 'a/wanted': 0o755 })
  const PATH = `/no such:/dev/null:${search('a')}`
  assert.equal(await said(t, 'wanted', [], { env: { PATH } }), `${directory}/a/wanted\n`)
})

test('spawn() PATH: skips a file without permission, else throws EACCES', { contract: 'P3' }, async (t) => {
  const { directory, search } = programs(t, { 'denied/wanted': 0o644, 'a/wanted': 0o755 })
  const PATH = search('empty', 'denied', 'empty', 'a')
  assert.equal(await said(t, 'wanted', [], { env: { PATH } }), `${directory}/a/wanted\n`)
  for (const names of [['denied'], ['denied', 'empty'], ['empty', 'denied', 'empty']]) {
    const error = refusal('wanted', [], { stdio: 'ignore', env: { PATH: search(...names) } })
    assert.deepEqual(facts(error), missing('EACCES', -13))
  }
})

test('spawn() PATH: a text without #! is ENOEXEC, ends the search', { contract: 'P3' }, (t) => {
  const { directory, search } = programs(t, { 'text/wanted': 0o755, 'a/wanted': 0o755 })
  fs.writeFileSync(path.join(directory, 'text/wanted'), 'exit 0\n')
  const error = refusal('wanted', [], { stdio: 'ignore', env: { PATH: search('text', 'a') } })
  assert.deepEqual(facts(error), missing('ENOEXEC', -8))
})

test('spawn() PATH: empty and relative elements start at `cwd`', { contract: 'P3' }, async (t) => {
  const { directory } = programs(t, { wanted: 0o755, 'in/only': 0o755 })
  for (const PATH of ['/nowhere::/bin', ':/bin', '/bin:', '']) {
    const found = await said(t, 'wanted', [], { env: { PATH }, cwd: directory })
    assert.ok(['./wanted\n', 'wanted\n'].includes(found), found)
  }
  assert.equal(await said(t, 'only', [], { env: { PATH: '/bin:in' }, cwd: directory }), 'in/only\n')
})

test('spawn() PATH: is not searched for a file with a slash', { contract: 'P3' }, async (t) => {
  const { directory } = programs(t, { 'in/wanted': 0o755 })
  const env = { PATH: `${directory}:/bin` }
  assert.deepEqual(facts(refusal('in/wanted', [], { stdio: 'ignore', env })), {
    ...missing('ENOENT', -2),
    path: 'in/wanted',
  })
  assert.equal(await said(t, 'in/wanted', [], { env, cwd: directory }), 'in/wanted\n')
})
