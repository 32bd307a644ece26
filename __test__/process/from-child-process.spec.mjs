// Arguments and options of child_process: procnative takes the same values if they have only one meaning.

import assert from 'node:assert/strict'
import childProcess from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { pathToFileURL } from 'node:url'
import { spawn, spawnDaemon } from '../../index.js'
import { answer, forked } from '../channel/helpers/fork.mjs'
import { isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { commandOf, environmentOf, spawned } from '../helpers/spawned.mjs'

const node = needs('Node.js', isNode)

/** Returns the output of a child of spawn(), as bytes. */
async function output(...args) {
  const child = spawn(...args)
  const chunks = child.stdio[1].toArray()
  const { exitCode } = await child.wait()
  for (const index of [0, 2]) child.stdio[index]?.destroy()
  assert.equal(exitCode, 0)
  return Buffer.concat(await chunks)
}

const text = async (...args) => String(await output(...args))

/** Returns the output of a child of child_process. */
async function model(...args) {
  const child = childProcess.spawn(...args)
  const [chunks] = await Promise.all([child.stdout.toArray(), once(child, 'close')])
  return String(Buffer.concat(chunks))
}

const inherits = () => Object.create(Object.assign(Object.create({ A: 'far', B: 'far' }), { A: 'near' }))

for (const [what, ...args] of [
  ['options without args', 'pwd', { cwd: '/tmp' }],
  ['null as args', 'pwd', null, { cwd: '/tmp' }],
  ['numbers as args', 'echo', [1, -2.5, 1e21]],
  ['numbers and booleans as variables', 'env', [], { env: { A: 1, B: true, C: 0.5, D: undefined, E: false } }],
  ['an env that inherits', 'env', { env: inherits() }],
  ['an env without a prototype', 'env', { env: Object.assign(Object.create(null), { A: 'b' }) }],
  ['an empty cwd', 'pwd', { cwd: '' }],
  ['a file: URL as cwd', 'pwd', { cwd: new URL('file:///tmp') }],
  ['null and undefined in stdio', 'pwd', { stdio: [null, undefined, 'ignore', null] }],
]) {
  test(`spawn(): takes ${what}, as child_process does`, node, async () => {
    assert.equal(await text(...args), await model(...args))
  })
}

test('spawn() stdio: takes a hole for the default of that descriptor', node, async () => {
  // child_process moves the later entries forward.
  const child = spawn('true', { stdio: Object.assign(Array(4), { 2: 'ignore' }) })
  assert.deepEqual(child.stdio.map(Boolean), [true, true, false, false])
  for (const pipe of child.stdio) pipe?.destroy()
  await child.wait()
})

test('spawn() env: inherits variables of process.env, but none of Object.prototype', node, async () => {
  Object.prototype.POLLUTED = 'yes'
  try {
    const env = Object.create(process.env, { MINE: { value: 'too', enumerable: true } })
    const lines = (await text('env', { env })).split('\n')
    assert.ok(lines.includes('MINE=too') && lines.includes(`PATH=${process.env.PATH}`))
    assert.ok(!lines.some((line) => line.startsWith('POLLUTED')))
  } finally {
    delete Object.prototype.POLLUTED
  }
})

const value = (message) => ({ code: 'ERR_INVALID_ARG_VALUE', message })
const type = (message) => ({ code: 'ERR_INVALID_ARG_TYPE', message })

for (const [what, args, expected] of [
  ['null as a variable', ['true', { env: { A: null } }], type(/"options\.env\.A".*null/)],
  ['null in args', ['true', [null]], type(/"args\[0\]".*null/)],
  ['a hole in args', ['true', Array(1)], type(/"args\[0\]".*undefined/)],
  ['NaN in args', ['true', [Number.NaN]], { code: 'ERR_OUT_OF_RANGE', message: /"args\[0\]".*finite.*NaN/ }],
  ['options twice', ['true', {}, {}], type(/"args".*array/)],
  ['an http: URL as cwd', ['true', { cwd: new URL('http://localhost') }], value(/"options\.cwd".*file: URL/)],
  ['a Map as env', ['true', { env: new Map() }], type(/"options\.env".*Map/)],
  ['a list as env', ['true', { env: ['A=b'] }], type(/"options\.env".*Array/)],
  ['a path in stdio', ['true', { stdio: ['/dev/null'] }], value(/"options\.stdio\[0\]"/)],
]) {
  test(`spawn(): refuses ${what}`, () => {
    assert.throws(() => spawn(...args), expected)
  })
}

test('spawnDaemon(): takes options without args, numbers, holes and URLs', node, async (context) => {
  const { pid } = await spawnDaemon('true', { stdio: [null, undefined, 'ignore'] })
  assert.equal(typeof pid, 'number')
  const cwd = temporary(context)
  const daemon = await spawned(context, 'sleep', [1000], {
    cwd: pathToFileURL(cwd),
    env: { PATH: process.env.PATH, A: 1 },
  })
  assert.equal(fs.readlinkSync(`/proc/${daemon}/cwd`), fs.realpathSync(cwd))
  assert.deepEqual(commandOf(daemon), ['sleep', '1000'])
  assert.equal((await environmentOf(daemon)).A, '1')
  await assert.rejects(spawnDaemon('true', { cwd: '' }), value(/"options\.cwd".*empty/))
})

test('fork(): takes options without args, numbers, and an env that inherits', node, async (context) => {
  const child = forked(context, undefined, {
    env: Object.create(process.env, { MINE: { value: 1, enumerable: true } }),
  })
  assert.equal((await answer(context, child, 'environment')).MINE, '1')
  const other = forked(context, {}, [1, '2'])
  assert.deepEqual(await answer(context, other, 'arguments'), ['1', '2'])
})
