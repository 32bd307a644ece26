// The cost of starting a program from processes of different sizes.

import { fileURLToPath } from 'node:url'
import { withLimit } from '../limit.mjs'
import { hasMemory } from '../machine.mjs'
import { alternate, each, median, tails, told, toldByNode } from '../measure.mjs'
import { Group } from '../report.mjs'

const measured = fileURLToPath(new URL('./measured.mjs', import.meta.url))
// Node.js itself has 50 MB. Larger processes make fewer calls, because calls of the peers take longer there.
const SIZES = [
  { name: '50 MB', added: 0, calls: 101, times: 2 },
  { name: '500 MB', added: 450, calls: 51, times: 20 },
  { name: '2 GB', added: 2000, calls: 31, times: 100 },
]
const OWN_MEGABYTES = 50
const KINDS = ['procnative', 'child_process.spawn', 'spawnSync']
// The allowed factor between the times of a call at two sizes.
const FLAT = 1.3

export async function compare(progress) {
  const group = new Group('spawn', 'Starting a program')
  const sizes = []
  await withLimit('spawn', async (limit) => {
    for (const { name, added, calls, times } of SIZES) {
      if (!hasMemory(added + 400, `the size ${name}`)) continue
      const contenders = KINDS.map((kind) => ({ name: kind, measure: () => toldByNode(measured, kind, added, calls) }))
      if (limit) {
        contenders.push({ name: 'C posix_spawn', measure: () => told(limit, [added + OWN_MEGABYTES, calls]) })
      }
      const runs = await alternate(contenders, (text) => progress(`${name}, ${text}`))
      const { 'C posix_spawn': _, ...loops } = runs
      const call = columns(runs, 0)
      group.add({ name: `${name}: the call`, ...call, target: { against: 'child_process.spawn', times } })
      group.add({ name: `${name}: until the child has run`, ...columns(runs, 1) })
      group.add({ name: `${name}: the event loop stands still`, ...columns(loops, 2) })
      sizes.push(call.results)
    }
  })
  if (sizes.length > 1) {
    group.add({ name: 'the call, at its worst size to its best', ...unevenness(sizes), target: { atMost: FLAT } })
  }
  return group
}

/** Returns the scene of one of the times of each call. */
function columns(runs, column) {
  const times = each(runs, (calls) => calls.map((call) => call[column]))
  return { unit: 'ms', results: each(times, median), tails: tails(times) }
}

/** Returns for each turn the factor between the times of a call at its worst and at its best size. */
function unevenness(sizes) {
  const results = {}
  for (const name of Object.keys(sizes[0])) {
    results[name] = sizes[0][name].map((_, turn) => {
      const times = sizes.map((size) => size[name][turn])
      return Math.max(...times) / Math.min(...times)
    })
  }
  return { unit: '×', results }
}
