// The tests' side of reap-storm.mjs: whether what it reports is what there was.

import assert from 'node:assert/strict'
import fs from 'node:fs'

/** Pairs of what was expected and what was told that differ. */
const wrong = (pairs) => pairs.filter(([expected, told]) => expected !== told)

const orphansIn = (log) =>
  fs
    .readFileSync(log, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' '))
    .map(([pid, how]) => [Number(pid), how.startsWith('SIG') ? how : Number(how)])

/** Nothing was lost, told twice, or told wrongly; `log` is what the orphans wrote of themselves. */
export function assertRight({ exits, synchronous, waited, heard, abandoned, brief, left }, log) {
  assert.deepEqual([exits.length, wrong(exits)], [511, []], "'exit' events")
  assert.deepEqual([synchronous.length, wrong(synchronous)], [210, []], 'what workers waited for')
  assert.deepEqual([waited.length, wrong(waited)], [20, []], 'children of spawn()')

  const orphans = orphansIn(log)
  assert.deepEqual([orphans.length, abandoned.length], [660, 20])
  const known = new Map([...orphans, ...abandoned])
  const told = heard.filter(([pid]) => known.has(pid))
  const how = new Map(told.map(([pid, , end]) => [pid, end]))
  assert.deepEqual(wrong([...known].map(([pid, end]) => [end, how.get(pid)])), [], 'orphans')
  assert.equal(told.length, known.size, 'no orphan is told of twice')
  const states = told.map(([, state, end]) => [typeof end === 'number' ? 'exited' : 'killed', state])
  assert.deepEqual(wrong(states), [])

  // What a worker left at its end was waited for by nobody, or by the worker at the last moment.
  const others = heard.map(([pid]) => pid).filter((pid) => !known.has(pid))
  assert.deepEqual(
    others.filter((pid) => !brief.includes(pid)),
    [],
    "somebody's child was reaped",
  )
  assert.equal(new Set(others).size, others.length)
  assert.deepEqual(left, [], 'a zombie is left')
}
