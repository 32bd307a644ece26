// The time from a death to its report, and the cost of waits.

import { fileURLToPath } from 'node:url'
import { withLimit } from '../limit.mjs'
import { hasMemory } from '../machine.mjs'
import { alternate, each, median, tails, told, toldByNode } from '../measure.mjs'
import { Group } from '../report.mjs'

const beside = (file) => fileURLToPath(new URL(file, import.meta.url))
const EVENT = "the event 'exit'"
// Numbers of children and of single deaths, and the target factor against the event.
const SIZES = [
  { name: '1 child', count: 1, deaths: 101, times: 1 },
  { name: '100 children', count: 100, deaths: 101 },
  { name: '1,000 children', count: 1000, deaths: 101 },
  { name: '5,000 children', count: 5000, deaths: 51, times: 10 },
]
const OTHERS = { name: "5,000 of others' processes", count: 5000, threads: 0, megabytes: 10 }
// The memory of a sleeping process with its page tables, measured with many processes.
const SLEEPER_MEGABYTES = 0.5
const OWN_MEGABYTES = 500

const isPossible = ({ name, count }) => hasMemory(OWN_MEGABYTES + count * SLEEPER_MEGABYTES, name)

export async function compare(progress) {
  const group = new Group('wait', 'Waiting for children')
  await withLimit('wait', async (limit) => {
    for (const size of SIZES.filter(isPossible)) {
      await compareSize(group, limit, size, (text) => progress(`${size.name}, ${text}`))
    }
  })
  if (isPossible(OTHERS)) await measureOthers(group, progress)
  return group
}

async function compareSize(group, limit, { name, count, deaths, times }, progress) {
  const node = (kind) => ({ name: kind, measure: () => toldByNode(beside('./measured.mjs'), kind, count, deaths) })
  const inC = (kind) => ({ name: `C ${kind}`, measure: () => told(limit, [kind, count, deaths]) })
  const contenders = [...['procnative', EVENT].map(node), ...(limit ? ['epoll', 'poll'].map(inC) : [])]
  const runs = await alternate(contenders, progress)
  const target = times && { against: EVENT, times }
  const deathsOf = (what) => {
    const lists = each(runs, (run) => run[what])
    return { unit: 'ms', results: each(lists, median), tails: tails(lists) }
  }
  group.add({ name: `${name}: death to callback`, ...deathsOf('spread'), target })
  if (count === 1) return
  group.add({ name: `${name}: in a burst`, ...deathsOf('burst') })
  group.add({ name: `${name}: threads`, unit: '', results: each(runs, (run) => run.threads) })
  group.add({ name: `${name}: memory`, unit: 'MB', results: each(runs, (run) => run.megabytes) })
}

async function measureOthers(group, progress) {
  const { name, count, threads, megabytes } = OTHERS
  const measure = () => toldByNode(beside('./others.mjs'), count)
  const runs = await alternate([{ name: 'procnative', measure }], (text) => progress(`${name}, ${text}`))
  const taken = (what) => each(runs, (run) => run[what])
  group.add({ name: `${name}: threads`, unit: '', results: taken('threads'), target: { atMost: threads } })
  group.add({ name: `${name}: descriptors`, unit: '', results: taken('descriptors'), target: { atMost: count } })
  group.add({ name: `${name}: memory`, unit: 'MB', results: taken('megabytes'), target: { atMost: megabytes } })
}
