// The cost of loading a module, and of a first call.

import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { alternate, each, median, toldByNode } from '../measure.mjs'
import { hasPeer } from '../peers.mjs'
import { Group } from '../report.mjs'

const PROCESSES = 5
const QUANTITIES = [
  { key: 'milliseconds', name: 'time', unit: 'ms' },
  { key: 'threads', name: 'threads started', unit: '' },
  { key: 'descriptors', name: 'descriptors opened', unit: '' },
  { key: 'megabytes', name: 'memory', unit: 'MB' },
]
// Targets of the require() alone.
const TARGETS = { milliseconds: { atMost: 3 }, threads: { atMost: 0 }, descriptors: { atMost: 0 } }

const measured = fileURLToPath(new URL('./measured.cjs', import.meta.url))
const { resolve } = createRequire(import.meta.url)

export async function compare(progress) {
  const group = new Group('load', 'Loading it')
  const peers = ['node-pty', 'koffi', 'usocket'].filter(hasPeer)
  const modules = [
    ['procnative', '../../index.js'],
    ['an empty module', './empty.cjs'],
    ...peers.map((name) => [name, name]),
  ]
  const callable = modules.filter(([name]) => ['procnative', 'koffi'].includes(name))
  const required = await alternate(
    modules.map(([name, specifier]) => contender(name, specifier)),
    (text) => progress(`require, ${text}`),
  )
  addScenes(group, 'require', required, TARGETS)
  const called = await alternate(
    callable.map(([name, specifier]) => contender(name, specifier, name)),
    (text) => progress(`a first call, ${text}`),
  )
  addScenes(group, 'require and a first call', called)
  return group
}

/** Returns a contender whose result in each turn is the medians of several processes. */
function contender(name, specifier, ...call) {
  // Requires the file by its path, because finding a package is no part of loading it.
  const file = resolve(specifier)
  const measure = async () => {
    const runs = []
    for (let count = 0; count < PROCESSES; count++) runs.push(await toldByNode(measured, file, ...call))
    return Object.fromEntries(QUANTITIES.map(({ key }) => [key, median(runs.map((run) => run[key]))]))
  }
  return { name, measure }
}

function addScenes(group, title, turns, targets = {}) {
  for (const { key, name, unit } of QUANTITIES) {
    group.add({ name: `${title}: ${name}`, unit, results: each(turns, (turn) => turn[key]), target: targets[key] })
  }
}
