// A test that calls daemonize() must fail. Otherwise its runner would end with 0 and print nothing.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { launch } from '../helpers/daemon.mjs'
import { hasProgram, isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { isAlive } from '../helpers/proc.mjs'
import { fixture, root, run } from '../helpers/run.mjs'

const CODE = 'ERR_PROCNATIVE_TEST_RUNNER'

/** Calls daemonize() with options, and prints the error. */
const program = (options = '') => `
  const { daemonize } = require(${JSON.stringify(root)})
  try {
    const { foreground } = daemonize(${options})
    console.log(JSON.stringify({ foreground }))
  } catch (error) {
    console.log(JSON.stringify({ code: error.code, message: error.message }))
  }
`

/** Runs Node.js without the variable that marks this test as a test. */
async function node(...args) {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  return run(process.execPath, args, { env }).ended
}

/** Writes a program to a file of this name; returns the path. */
function script(context, name, text) {
  const file = path.join(temporary(context), name)
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(file, text)
  return file
}

const NAIVE = `
  const { daemonize } = require(${JSON.stringify(root)})
  test('calls daemonize()', () => { daemonize() })
  test('fails', () => { throw new Error('as it should') })
`

for (const [what, args, text] of [
  ['node --test', ['--test'], `const test = require('node:test')\n${NAIVE}`],
  ['node --test, without node:test', ['--test'], `require(${JSON.stringify(root)}).daemonize()`],
  ['a test file run alone', [], `const test = require('node:test')\n${NAIVE}`],
]) {
  test(`daemonize(): throws in ${what}, which fails`, async (t) => {
    const { code, stdout, stderr } = await node(...args, script(t, 'naive.test.cjs', text))
    assert.equal(code, 1, stdout + stderr)
    assert.match(stdout + stderr, new RegExp(CODE))
  })
}

const hasIsolation = process.allowedNodeEnvironmentFlags.has('--test-isolation')
const isolation = needs('node --test-isolation', hasIsolation)
for (const [what, text] of [
  ['without isolation', `const test = require('node:test')\n${NAIVE}`],
  ['without isolation or node:test', `require(${JSON.stringify(root)}).daemonize()`],
]) {
  test(`daemonize(): throws in node --test ${what}, which fails`, isolation, async (t) => {
    const file = script(t, 'naive.test.cjs', text)
    const { code, stdout, stderr } = await node('--test', '--test-isolation=none', file)
    assert.equal(code, 1, stdout + stderr)
    assert.match(stdout + stderr, new RegExp(CODE))
  })
}

for (const [what, name] of [
  ['a known runner', 'node_modules/mocha/bin/mocha.js'],
  ['a scoped runner', 'node_modules/@hapi/lab/bin/lab.js'],
]) {
  test(`daemonize(): throws if the main script belongs to ${what}`, async (t) => {
    const { stdout } = await node(script(t, name, program()))
    assert.equal(JSON.parse(stdout).code, CODE)
  })
}

test('daemonize(): throws if the main script links to a known runner', async (t) => {
  const file = script(t, 'node_modules/ava/entrypoints/cli.js', program())
  const link = path.join(temporary(t), 'ava')
  fs.symlinkSync(file, link)
  const { stdout } = await node(link)
  assert.equal(JSON.parse(stdout).code, CODE)
})

test('daemonize(): throws if describe() and it() are global', async () => {
  const { stdout } = await node('-e', `globalThis.describe = globalThis.it = () => {}\n${program()}`)
  const { code, message } = JSON.parse(stdout)
  assert.equal(code, CODE)
  assert.match(message, /foreground: true/)
})

test('daemonize(): throws in a vm context with its own module registry', async () => {
  const { stdout, stderr } = await node(fixture('daemon/module-registry.cjs'), program())
  assert.notEqual(stdout, '', stderr)
  assert.equal(JSON.parse(stdout).code, CODE)
})

test('daemonize(): works in the foreground in a test process', async (t) => {
  const text = `require('node:test')\n${program('{ foreground: true }')}`
  const { stdout, stderr } = await node(script(t, 'foreground.test.cjs', text))
  assert.match(stdout, /"foreground":true/, stderr)
})

test('daemonize(): works in a program that a test starts', async (t) => {
  const env = { ...process.env, NODE_TEST_CONTEXT: 'child-v8', JEST_WORKER_ID: '1', VITEST: 'true' }
  const { code, stderr, facts } = await launch(t, {}, { env })
  assert.equal(code, 0, stderr)
  assert.equal(isAlive(facts.pid), true)
})

test('daemonize(): works below spawnDaemon() in node --test as PID 1', {
  ...needs('root and unshare', isRoot && hasProgram('unshare')),
}, async (t) => {
  const daemon = script(t, 'daemon.cjs', `require(${JSON.stringify(root)}).daemonize()`)
  const started = script(
    t,
    'starts.test.cjs',
    `const { spawnDaemon } = require(${JSON.stringify(root)})
     require('node:test')('starts a daemon', async () => {
       await spawnDaemon(process.execPath, [${JSON.stringify(daemon)}], { ready: 'notify', stdio: 'inherit' })
     })`,
  )
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const args = ['-pf', '--mount-proc', '--kill-child', process.execPath, '--test', started]
  const { code, stdout, stderr } = await run('unshare', args, { env }).ended
  assert.equal(code, 0, stdout + stderr)
})
