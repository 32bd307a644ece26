// H5: handles that are collected as garbage.

import assert from 'node:assert/strict'
import path from 'node:path'
import { isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, run } from '../helpers/run.mjs'

// Bun's takes what only looks like a reference for one, for as long as it likes.
const EXACT = needs('a garbage collector that finds all there is', !('bun' in process.versions))
const CODE = 'PROCNATIVE_HANDLE_COLLECTED'

/** Plays one scene of fixtures/handle-collected.mjs; returns what it reports, and what it says on standard error. */
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

test('a handle that is collected unclaimed closes its descriptor, with one warning', { contract: 'H5' }, async (t) => {
  const { told, stderr } = await play(t, 'unclaimed')
  assert.deepEqual(told, { warnings: [CODE] })
  // For whoever has no listener.
  assert.match(stderr, new RegExp(CODE))
})

test('one that was not received stays open: it may be in use by its number', {
  contract: 'H5',
  ...EXACT,
}, async (t) => {
  const { told } = await play(t, 'listening')
  assert.deepEqual(told, { warnings: [], open: true })
})

test('after close() it does nothing: who has its number by then keeps it', { contract: 'H5', ...EXACT }, async (t) => {
  const { told, stderr } = await play(t, 'closed')
  assert.deepEqual(told, { warnings: [], same: true, open: true }, stderr)
})

test('after take() it does nothing: the descriptor is whose it was given to', {
  contract: 'H5',
  ...EXACT,
}, async (t) => {
  const { told } = await play(t, 'taken')
  assert.deepEqual(told, { warnings: [], open: 10 })
})

test('after adopt() it does nothing: the server serves, and the sockets are connected', {
  contract: 'H5',
  ...needs('Node.js', isNode),
}, async (t) => {
  const { told } = await play(t, 'adopted')
  assert.deepEqual(told, { warnings: [], answer: 'served', heard: 'said' })
})

test('of handles that came with one message none is closed while one is kept', {
  contract: 'H5',
  ...EXACT,
}, async (t) => {
  const { told } = await play(t, 'one kept')
  assert.deepEqual(told, { warnings: [], open: 3, kept: true })
})

test('they are closed when the last of them is collected', { contract: 'H5', ...EXACT }, async (t) => {
  const { told } = await play(t, 'the last')
  assert.deepEqual(told, { warnings: [CODE], before: 3 })
})

test('one that was taken stays open then, and the others are closed', { contract: 'H5' }, async (t) => {
  const { told } = await play(t, 'one taken')
  assert.deepEqual(told, { warnings: [CODE], open: true })
})

test('Handle: the collector closes no number of another file', EXACT, async (t) => {
  const { told } = await play(t, 'closed by number')
  assert.deepEqual(told, { warnings: Array(2).fill('PROCNATIVE_HANDLE_LOST'), isReused: true, isOpen: true })
})

test('where each was taken or closed there is no warning', { contract: 'H5', ...EXACT }, async (t) => {
  const { told } = await play(t, 'all claimed')
  assert.deepEqual(told, { warnings: [], open: 2 })
})
