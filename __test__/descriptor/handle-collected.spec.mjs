// Handles that are collected as garbage.

import assert from 'node:assert/strict'
import path from 'node:path'
import { isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, run } from '../helpers/run.mjs'

// Bun's collector takes any value that looks like a reference for one.
const EXACT = needs('an exact garbage collector', !('bun' in process.versions))
const CODE = 'PROCNATIVE_HANDLE_COLLECTED'

/** Plays one scene of fixtures/handle-collected.mjs. Returns its report and its standard error. */
async function play(context, scene) {
  const ways = { deno: ['run', '-A', '--v8-flags=--expose-gc'], bun: [] }
  const [way] = Object.keys(ways).filter((name) => name in process.versions)
  const file = path.join(temporary(context), 'socket')
  const args = [...(ways[way] ?? ['--expose-gc']), fixture('descriptor/handle-collected.mjs'), scene, file]
  const { code, stdout, stderr } = await run(process.execPath, args).ended
  assert.equal(code, 0, stderr)
  const [told, ...more] = reports(stdout)
  assert.deepEqual(more, [])
  return { told, stderr }
}

test('Handle: collected unclaimed, closes its descriptor with one warning', { contract: 'H5' }, async (t) => {
  const { told, stderr } = await play(t, 'unclaimed')
  assert.deepEqual(told, { warnings: [CODE] })
  // Node prints the warning, too.
  assert.match(stderr, new RegExp(CODE))
})

test('Handle: keeps a descriptor open that was not received, when collected', {
  contract: 'H5',
  ...EXACT,
}, async (t) => {
  const { told } = await play(t, 'listening')
  assert.deepEqual(told, { warnings: [], open: true })
})

test('Handle: closes no number used again, collected after close()', { contract: 'H5', ...EXACT }, async (t) => {
  const { told, stderr } = await play(t, 'closed')
  assert.deepEqual(told, { warnings: [], same: true, open: true }, stderr)
})

test('Handle: keeps the descriptor open, collected after take()', { contract: 'H5', ...EXACT }, async (t) => {
  const { told } = await play(t, 'taken')
  assert.deepEqual(told, { warnings: [], open: 10 })
})

test('Handle: keeps servers and sockets open, collected after adopt()', {
  contract: 'H5',
  ...needs('Node.js', isNode),
}, async (t) => {
  const { told } = await play(t, 'adopted')
  assert.deepEqual(told, { warnings: [], answer: 'served', heard: 'said' })
})

test('Handle: keeps all handles of a message while one is referenced', { contract: 'H5', ...EXACT }, async (t) => {
  const { told } = await play(t, 'one kept')
  assert.deepEqual(told, { warnings: [], open: 3, kept: true })
})

test('Handle: closes all handles of a message when the last is collected', { contract: 'H5', ...EXACT }, async (t) => {
  const { told } = await play(t, 'the last')
  assert.deepEqual(told, { warnings: [CODE], before: 3 })
})

test('Handle: closes all handles of a message except a taken one', { contract: 'H5' }, async (t) => {
  const { told } = await play(t, 'one taken')
  assert.deepEqual(told, { warnings: [CODE], open: true })
})

test('Handle: closes no descriptor of another owner, when collected', EXACT, async (t) => {
  const { told } = await play(t, 'closed by number')
  assert.deepEqual(told, { warnings: Array(2).fill('PROCNATIVE_HANDLE_LOST'), isReused: true, isOpen: true })
})

test('Handle: causes no warning if each was taken or closed', { contract: 'H5', ...EXACT }, async (t) => {
  const { told } = await play(t, 'all claimed')
  assert.deepEqual(told, { warnings: [], open: 2 })
})
