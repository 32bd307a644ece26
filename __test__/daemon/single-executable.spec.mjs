// daemonize() in a single executable application.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { factsFrom } from '../helpers/daemon.mjs'
import { isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { fixture, root, run } from '../helpers/run.mjs'
import { buildSea, buildsItself } from '../helpers/sea.mjs'

const options = needs('Node.js 26 or newer, which builds single executables', isNode && buildsItself(process.version))

const MAIN = `
  const { createRequire } = require('node:module')
  const load = createRequire(${JSON.stringify(path.join(root, 'package.json'))})
  if (process.env.TITLE) process.title = process.env.TITLE
  const daemon = load('./index.js').daemonize({ stdout: process.env.LOG, stderr: process.env.LOG })
  load(${JSON.stringify(fixture('describe-process.cjs'))}).tell(daemon)
  setInterval(() => {}, 2 ** 30)`

/** Runs an application with `args`; returns its daemon's report. */
async function daemonOf(context, more, args, { argv0, env } = {}) {
  const directory = temporary(context)
  const main = path.join(directory, 'main.cjs')
  const log = path.join(directory, 'log')
  fs.writeFileSync(main, MAIN)
  const application = buildSea(directory, { node: process.execPath, main, more })
  const settings = { cwd: directory, argv0, env: { ...process.env, LOG: log, ...env } }
  const { code, stderr } = await run(application, args, settings).ended
  assert.equal(code, 0, stderr)
  return { application, ...factsFrom(context, log).facts }
}

const ARGUMENTS = ['one', '--two', 'ä', '']

test('daemonize(): a single executable application keeps its arguments', options, async (t) => {
  const { application, ...facts } = await daemonOf(t, {}, ARGUMENTS, { argv0: 'my server' })
  assert.deepEqual(facts.argv, [application, 'my server', ...ARGUMENTS])
  assert.equal(facts.argv0, 'my server')
  assert.deepEqual(facts.execArgv, [])
})

test('daemonize(): execArgv in the configuration is not an argument', options, async (t) => {
  const execArgv = ['--no-warnings', '--max-old-space-size=123']
  const facts = await daemonOf(t, { execArgv }, ARGUMENTS)
  assert.deepEqual(facts.argv.slice(2), ARGUMENTS)
  assert.deepEqual(facts.execArgv, execArgv)
})

test('daemonize(): --node-options of an application survives', options, async (t) => {
  const more = { execArgv: ['--no-warnings'], execArgvExtension: 'cli' }
  const facts = await daemonOf(t, more, ['one', '--node-options=--stack-trace-limit=7 --no-deprecation', 'two'])
  assert.deepEqual(facts.argv.slice(2), ['one', 'two'])
  assert.deepEqual(facts.execArgv, ['--no-warnings', '--stack-trace-limit=7', '--no-deprecation'])
})

test('daemonize(): an application with a new title keeps its arguments', options, async (t) => {
  const facts = await daemonOf(t, {}, ARGUMENTS, { env: { TITLE: 'another title' } })
  assert.deepEqual(facts.argv.slice(2), ARGUMENTS)
})
