// npm run test:soak: a short run, and the problems that it reports. The whole run takes half an hour and is run by hand.

import assert from 'node:assert/strict'
import path from 'node:path'
import { complaints } from '../../hardening/soak/verdict.mjs'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { root, runScript } from '../helpers/run.mjs'

const SOAK = path.join(root, 'hardening/soak/soak.mjs')

test('soak: three seconds of everything at once lose nothing', needs('Node.js', isNode), async () => {
  const ended = await runScript(SOAK, ['--minutes', 0.05], { execArgv: ['--expose-gc'] })
  assert.deepEqual([ended.code, ended.signal, ended.stderr], [0, null, ''], ended.stdout)
  for (const what of ['messages', 'descriptors', 'orphans reaped', 'reports of threads', 'daemons stopped'])
    assert.match(ended.stdout, new RegExp(`^\\| ${what} \\| ([1-9]\\d*) \\| \\1 \\|$`, 'm'))
})

const sample = { minutes: 1, descriptors: 9, threads: 11, processes: 2, zombies: 0, rss: 100, heap: 8 }
const soak = (changes) => ({
  start: sample,
  samples: Array(30).fill(sample),
  end: sample,
  tally: { entries: [{ name: 'messages', out: 5, came: 5 }] },
  fosters: { unclaimed: [] },
  ...changes,
})
/** Returns samples in which one number grows by `by` in all. */
const growing = (what, by) =>
  Array.from({ length: 30 }, (_, index) => ({ ...sample, [what]: sample[what] + (by * index) / 29 }))

for (const [what, changes, complaint] of [
  ['nothing', {}, undefined],
  ['a message that is lost', { tally: { entries: [{ name: 'messages', out: 5, came: 4 }] } }, /^messages: 4 of 5$/],
  [
    'a message type without messages',
    { tally: { entries: [{ name: 'messages', out: 0, came: 0 }] } },
    /^messages: 0 of 0$/,
  ],
  ['one more descriptor', { samples: [sample, sample, { ...sample, descriptors: 10 }] }, /^descriptors: 10, and not 9/],
  ['a zombie at the end', { end: { ...sample, zombies: 1 } }, /^zombies: 0 at the start, 1 at the end$/],
  ['memory that grows', { samples: growing('rss', 20) }, /^rss: from /],
  ['a heap that grows', { samples: growing('heap', 3) }, /^heap: from /],
  ['a reaped orphan of no start', { fosters: { unclaimed: [7] } }, /^reaped without a start: 7$/],
]) {
  test(`soak: reports ${what}`, () => {
    const [first, ...others] = complaints(soak(changes))
    assert.deepEqual(others, [])
    if (complaint) assert.match(first, complaint)
    else assert.equal(first, undefined)
  })
}
