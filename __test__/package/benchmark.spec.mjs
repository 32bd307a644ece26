// npm run bench: its programs run, comparisons have the right direction, and docs/performance.md has the last results. The
// whole benchmark takes minutes and is run by hand.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { contenders } from '../../benchmark/daemon/contenders.mjs'
import { withStarts } from '../../benchmark/daemon/starts.mjs'
import { undone } from '../../benchmark/daemon/undone.mjs'
import { withLimit } from '../../benchmark/limit.mjs'
import { alternate, median, quantile, REPETITIONS, tails, told, toldByNode } from '../../benchmark/measure.mjs'
import { markdown } from '../../benchmark/page.mjs'
import { Group } from '../../benchmark/report.mjs'
import { isMet } from '../../benchmark/target.mjs'
import { better } from '../../benchmark/units.mjs'
import { test } from '../helpers/harness.mjs'
import { root } from '../helpers/run.mjs'

const GROUPS = ['spawn', 'daemon', 'handles', 'wait', 'load']
const measured = (file, ...args) => toldByNode(path.join(root, 'benchmark', file), ...args)
const areTimes = (times) => times.length > 0 && times.every((time) => time > 0)

/** Makes a group of one scene. */
function group(scene) {
  const made = new Group('one', 'One')
  made.add({ name: 'scene', unit: 'ms', ...scene })
  return made
}

test('docs/performance.md: has the tables of the last results', () => {
  const page = fs.readFileSync(path.join(root, 'docs/performance.md'), 'utf8')
  for (const name of GROUPS) {
    const results = JSON.parse(fs.readFileSync(path.join(root, `benchmark/results/${name}.json`), 'utf8'))
    for (const { results: values } of results.scenes)
      assert.ok(Object.values(values).every(({ length }) => length >= 7))
    assert.ok(page.includes(`<!-- ${name} -->\n${markdown(results)}\n<!-- end of ${name} -->`), name)
    assert.ok(fs.readFileSync(path.join(root, `docs/performance/${name}.svg`), 'utf8').includes(results.title))
  }
})

test('benchmark: less time is better, and a higher rate', () => {
  assert.equal(better('ms', 2, 8), 4)
  assert.equal(better('/s', 2, 8), 1 / 4)
  assert.equal(better('MB', 0, 8), undefined)
})

test('benchmark: a target is met at its edge, missed beyond it', () => {
  const target = { against: 'C', times: 2 }
  assert.equal(isMet({ unit: 'ms', results: { procnative: [1, 9, 2], C: [4] }, target }), true)
  assert.equal(isMet({ unit: 'ms', results: { procnative: [2.1], C: [4] }, target }), false)
  assert.equal(isMet({ unit: '/s', results: { procnative: [8], C: [4] }, target }), true)
  assert.equal(isMet({ unit: '/s', results: { procnative: [4], C: [8] }, target }), false)
  assert.equal(isMet({ unit: 'ms', results: { procnative: [1] }, target }), undefined)
  assert.equal(isMet({ unit: 'ms', results: { procnative: [3] }, target: { atMost: 3 } }), true)
  assert.equal(isMet({ unit: 'ms', results: { procnative: [3.1] }, target: { atMost: 3 } }), false)
  assert.equal(isMet({ unit: 'ms', results: { procnative: [3] } }), undefined)
})

test('benchmark: a table has the ratios and the missed targets', () => {
  const results = { procnative: [2, 1, 3], C: [1, 1, 1], slow: [200] }
  const table = markdown(group({ results, tails: { C: 7 }, target: { against: 'C', times: 1 } }))
  assert.match(table, /\| scene \| procnative \| 2\.00 ms \| 1\.00 ms – 3\.00 ms \| {2}\| {2}\| {2}\|/)
  assert.match(
    table,
    /\| {2}\| C \| 1\.00 ms \| .* \| 7\.00 ms \| 2\.0× slower \| at least 1\.00× faster: \*\*missed\*\* \|/,
  )
  assert.match(table, /\| {2}\| slow \| 200 ms \| .* \| {2}\| 100× faster \| {2}\|/)
})

test('benchmark: contenders take turns, in both orders', async () => {
  const order = []
  const contenders = ['a', 'b'].map((name) => ({ name, measure: async () => order.push(name) }))
  const results = await alternate(contenders, () => {})
  assert.equal(order.join(''), 'abba'.repeat(REPETITIONS / 2 + 1).slice(0, 2 * REPETITIONS))
  assert.deepEqual([results.a.length, results.b.length], [REPETITIONS, REPETITIONS])
})

test('benchmark: the median and the 99th percentile are exact', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
  assert.equal(median([9, 1, 5]), 5)
  assert.equal(quantile(hundred, 0.99), 100)
  assert.deepEqual(tails({ a: [hundred.slice(0, 50), hundred.slice(50)] }), { a: 100 })
})

test('benchmark: a program that fails is an error', async () => {
  await assert.rejects(told('false', []), /false ended with 1/)
})

for (const kind of ['procnative', 'child_process.spawn', 'spawnSync']) {
  test(`benchmark of spawn: measures ${kind}`, async () => {
    const times = await measured('spawn/measured.mjs', kind, 0, 3)
    assert.equal(times.length, 3)
    for (const [called, ran, still] of times) assert.ok(called > 0 && called <= ran && still > 0)
  })
}

for (const kind of ['procnative', "the event 'exit'"]) {
  test(`benchmark of waits: measures ${kind}`, async () => {
    const { spread, burst, threads } = await measured('wait/measured.mjs', kind, 3, 2)
    assert.ok(areTimes(spread) && areTimes(burst))
    assert.deepEqual([spread.length, burst.length, threads], [2, 3, 0])
  })
}

test('benchmark of waits: measures processes that are no children', async () => {
  const { threads, descriptors } = await measured('wait/others.mjs', 20)
  assert.deepEqual([threads, descriptors], [0, 20])
})

for (const kind of ['procnative', 'child.send']) {
  test(`benchmark of handles: measures ${kind}`, async () => {
    const scene = { messages: 20, each: 1, rounds: 2 }
    const times = await measured('handles/flood.mjs', kind, JSON.stringify(scene))
    assert.ok(areTimes(times) && times.length === 2)
  })
}

test('benchmark of handles: measures a round trip', async () => {
  const times = await measured('handles/trip.mjs', 3, 'procnative', 'child.send')
  assert.deepEqual(Object.keys(times), ['procnative', 'child.send'])
  for (const list of Object.values(times)) assert.ok(areTimes(list) && list.length === 3)
})

test('benchmark of handles: measures Python', async () => {
  const peer = path.join(root, 'benchmark/handles/peer.py')
  assert.ok(areTimes(await told('python3', [peer, 'flood', 20, 253, 24, 2])))
  assert.ok(areTimes(await told('python3', [peer, 'trip', 3])))
})

for (const [name, ...commands] of [
  ['spawn', [1, 3]],
  ['wait', ['poll', 3, 2], ['epoll', 3, 2]],
  ['handles', ['flood', 20, 253, 24, 2], ['trip', 3]],
]) {
  test(`benchmark of ${name}: measures the limit in C`, async (t) => {
    await withLimit(name, async (limit) => {
      if (!limit) return t.skip('there is no C compiler')
      for (const command of commands) assert.ok(Object.keys(await told(limit, command)).length > 0)
    })
  })
}

test('benchmark of daemons: procnative leaves nothing undone', async () => {
  const contender = contenders().find(({ name }) => name === 'procnative')
  await withStarts(async (start, directory) => {
    const { returned, up, exitCode } = await start(contender)
    assert.ok(areTimes([returned, up]))
    assert.equal(exitCode, 0)
    const { rows } = await undone(start, directory, [contender])
    assert.deepEqual(rows, [['procnative', 'no', 'none', 1, 'yes']])
  })
})

test('benchmark of loading: measures procnative', async () => {
  const { milliseconds, threads, descriptors } = await measured('load/measured.cjs', path.join(root), 'procnative')
  assert.ok(milliseconds > 0)
  assert.deepEqual([threads, descriptors], [0, 0])
})
