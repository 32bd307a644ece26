// Checks of the report of fixtures/reap-storm.mjs.

import assert from 'node:assert/strict'
import fs from 'node:fs'

/** Returns the pairs of an expected and a reported value that differ. */
const wrong = (pairs) => pairs.filter(([expected, told]) => expected !== told)

const orphansIn = (log) =>
  fs
    .readFileSync(log, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' '))
    .map(([pid, how]) => [Number(pid), how.startsWith('SIG') ? how : Number(how)])

/** Checks that each process was reported once, and rightly. `log` has the entries that the orphans wrote. */
export function assertRight({ exits, synchronous, waited, heard, abandoned, brief, left }, log) {
  assert.deepEqual([exits.length, wrong(exits)], [511, []], "'exit' events")
  assert.deepEqual([synchronous.length, wrong(synchronous)], [210, []], 'children of workers')
  assert.deepEqual([waited.length, wrong(waited)], [20, []], 'children of spawn()')

  const orphans = orphansIn(log)
  assert.deepEqual([orphans.length, abandoned.length], [660, 20])
  const known = new Map([...orphans, ...abandoned])
  const told = heard.filter(([pid]) => known.has(pid))
  const how = new Map(told.map(([pid, , end]) => [pid, end]))
  assert.deepEqual(wrong([...known].map(([pid, end]) => [end, how.get(pid)])), [], 'orphans')
  assert.equal(told.length, known.size, 'no orphan is reported twice')
  const states = told.map(([, state, end]) => [typeof end === 'number' ? 'exited' : 'killed', state])
  assert.deepEqual(wrong(states), [])

  // The worker may still have reaped brief children in its last turn.
  const others = heard.map(([pid]) => pid).filter((pid) => !known.has(pid))
  assert.deepEqual(
    others.filter((pid) => !brief.includes(pid)),
    [],
    'the reaper took a child of another waiter',
  )
  assert.equal(new Set(others).size, others.length)
  assert.deepEqual(left, [], 'no zombie is left')
}
